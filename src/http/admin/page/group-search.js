/** Finds groups by half a name, externalId or id. */
import { quote } from "./filter-language.js";

/**
 * The lists that contain the matches of a search. Without a sort, the groups whose names begin with the text come first.
 * @param {string} text @param {string | null} sort @param {import("./hooks.js").Parameters} parameters
 * @returns {import("./hooks.js").Source[]}
 */
export function groupSources(text, sort, parameters) {
    const value = quote(text);
    const filters = [`displayName sw ${value} or externalId eq ${value} or id eq ${value}`, `displayName co ${value}`];
    return (sort ? [filters.join(" or ")] : filters).map((filter) => ({ path: "/groups", query: { ...parameters, filter, sort } }));
}

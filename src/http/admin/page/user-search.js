/** Finds users by half a name, userName, e-mail address, externalId or id. */
import { quote } from "./filter-language.js";

/** @typedef {import("./hooks.js").Source} Source */
/** @typedef {Record<string, import("./api.js").Parameter>} Parameters */

/** Comes first, because many names can begin with the whole name of somebody. @param {string} text */
const exactFilter = (text) => anyOf("eq", ["userName", "displayName", "emails.value", "externalId", "id"], text);

/** Uses indexes like the exact filter, and takes a few milliseconds in a tenant of any size. @param {string} text */
const prefixFilter = (text) => anyOf("sw", ["userName", "displayName", "emails.value"], text);

/** @param {string} operator @param {string[]} names @param {string} text */
const anyOf = (operator, names, text) => names.map((name) => `${name} ${operator} ${quote(text)}`).join(" or ");

/**
 * Finds parts within names, and users whose displayName is missing or another name: "ada lo" finds Ada Lovelace, and "zoe dvo"
 * finds Zoë Dvořák, whose userName begins with zoe.dvo. It scans all users, which takes about 100 ms for 100,000.
 * @param {string} text
 */
function scanFilter(text) {
    const [given, ...family] = text.split(/\s+/);
    const within = `displayName co ${quote(text)} or userName co ${quote(text.replace(/\s+/g, "."))}`;
    if (!family.length) return `${within} or name.familyName sw ${quote(text)}`;
    return `${within} or (name.familyName sw ${quote(family.join(" "))} and name.givenName sw ${quote(given)})`;
}

/**
 * The lists that contain the matches of a search. Without a sort, the fast ones come first and are shown at once, and the
 * slow one appends what it adds.
 * @param {string} text @param {string | null} sort @param {Parameters} parameters @returns {Source[]}
 */
export function searchSources(text, sort, parameters) {
    const filters = [exactFilter(text), prefixFilter(text), scanFilter(text)];
    return (sort ? [filters.join(" or ")] : filters).map((filter) => ({ path: "/users", query: { ...parameters, filter, sort } }));
}

/** The name to show for a user. @param {any} user @returns {string} */
export function nameOf({ displayName, name, userName, id }) {
    const formatted = name?.formatted ?? [name?.givenName, name?.familyName].filter(Boolean).join(" ");
    return displayName || formatted || userName || id;
}

/** Whom a membership is about. @param {any} user */
export const personOf = (user) => ({ id: user.id, name: nameOf(user) });

/** The primary e-mail address, or else the first one. @param {any} user @returns {string | undefined} */
export const emailOf = ({ emails = [] }) => (emails.find((/** @type {any} */ email) => email.primary) ?? emails[0])?.value;

/** Merges the changes of two people who edited the same user. */
import { differences, isEqual, valueAt } from "../attributes.js";
import { withDifference } from "./patch.js";

/** @typedef {"theirs" | "mine"} Choice */
/** @typedef {{ path: string, base: any, theirs: any, mine: any, choice: Choice | null }} Row `choice` is null if both changed the attribute. */

/**
 * The attributes in which the two differ. An attribute that only one of them changed gets the value of that one.
 * @param {any} base @param {any} theirs @param {any} mine @returns {Row[]}
 */
export function rowsOf(base, theirs, mine) {
    return differences(theirs, mine).map(({ path, before, after }) => {
        const old = comparable(base, path);
        const choice = isEqual(old, before) ? "mine" : isEqual(old, after) ? "theirs" : null;
        return { path, base: old, theirs: before, mine: after, choice };
    });
}

/** The value in the form that `differences` uses. @param {any} user @param {string} path */
function comparable(user, path) {
    const value = valueAt(user, path);
    return path === "enterprise.manager" ? value?.value : empty(value) ? undefined : value;
}

/** @param {any} value */
const empty = (value) => value === null || value === "" || (typeof value === "object" && !Object.keys(value).length);

/** Their state with the values that were chosen. @param {any} theirs @param {Row[]} rows @param {Record<string, Choice | null>} choices */
export function merged(theirs, rows, choices) {
    const chosen = rows.filter(({ path }) => choices[path] === "mine");
    return chosen.reduce((result, { path, mine }) => withDifference(result, path, mine), theirs);
}

/** The part of a user that callers can write, and the patches between two states of it (RFC 7396). */
import { isEqual, isObject, withValueAt } from "../attributes.js";

/** A row of a list without an entry. Elements that the server has without a value have null. @param {any} element */
const isBlank = (element) => isObject(element) && element.value === "";

/** Without what the server computes, and with the native externalId only in `externalId`. @param {any} user */
export function writable({ id, version, createdAt, updatedAt, externalIds, externalIdSources, groups, restored, ...user }) {
    const { manager, ...enterprise } = user.enterprise ?? {};
    return {
        ...user,
        enterprise: { ...enterprise, manager: manager?.value ? { value: manager.value } : null },
        externalId: externalIds?.native ?? null,
    };
}

/** In these, every value means something. */
const FREE = ["custom", "extensions"];

/** Empty texts are absent values, and empty rows of a list do not exist. @param {any} value @returns {any} */
export function normalized(value) {
    if (value === "") return null;
    if (Array.isArray(value)) return value.filter((element) => !isBlank(element)).map(normalized);
    if (!isObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, FREE.includes(name) ? member : normalized(member)]));
}

/** The patch that turns one state into another. @param {any} before @param {any} after @returns {any} */
export function patchBetween(before, after) {
    /** @type {Record<string, any>} */
    const patch = {};
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
        const [old, value] = [before[name] ?? null, after[name] ?? null];
        if (isEqual(old, value)) continue;
        patch[name] = isObject(old) && isObject(value) ? patchBetween(old, value) : value;
    }
    return patch;
}

/** The patch from a user as it is to one with other values. @param {any} user @param {any} next */
export const patchOf = (user, next) => patchBetween(writable(user), writable(next));

/**
 * A copy with a value as `differences` returns it.
 * @param {any} user @param {string} path @param {any} value Undefined if it is absent.
 */
export function withDifference(user, path, value) {
    if (path === "enterprise.manager") return withValueAt(user, path, value === undefined ? null : { value });
    return withValueAt(user, path, value ?? null);
}

/** The attributes of users and groups as paths such as `name.givenName`, to compare and to label them. */
import { texts } from "./texts.js";

/** @typedef {{ path: string, before: any, after: any }} Difference An absent value is undefined. */

/** Attributes that are objects, and are compared by member. */
const OBJECTS = ["name", "enterprise", "externalIds", "custom", "extensions", "brake", "held"];

/** Computed by the server, or, like `externalId`, the value of another attribute. */
const COMPUTED = ["id", "version", "createdAt", "updatedAt", "externalId", "externalIdSources", "memberCount", "groups", "restored"];

const ORDER = Object.keys(texts.attributes.labels);

/** Whether an attribute has a value. @param {any} value */
export function isPresent(value) {
    if (value === null || value === undefined) return false;
    return typeof value !== "object" || Object.keys(value).length > 0;
}

/** Whether two JSON values are equal. The order of members has no meaning. @param {any} a @param {any} b */
export const isEqual = (a, b) => canonical(a) === canonical(b);

/** @param {any} value */
const canonical = (value) => JSON.stringify(value ?? null, (_, part) => (isObject(part) ? Object.fromEntries(Object.entries(part).sort()) : part));

/** @param {any} value */
export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** @param {string} a @param {string} b */
export const byLabel = (a, b) => rank(a) - rank(b);

/** @param {string} path */
const rank = (path) => (ORDER.includes(path) ? ORDER.indexOf(path) : ORDER.length);

/** The label of a path. @param {string} path */
export const labelOf = (path) => texts.attributes.labels[path.replace(/\.value$/, "")] ?? path.replace(/^extensions\./, "");

/** The name of a member can contain dots: that of an extension is a URN. @param {string} path */
const parts = (path) => path.split(/\.(.*)/s);

/** A value at a path. @param {any} resource @param {string} path */
export function valueAt(resource, path) {
    const [name, member] = parts(path);
    return member ? resource[name]?.[member] : resource[name];
}

/**
 * A copy with another value at a path.
 * @param {any} resource @param {string} path @param {any} value @returns {any}
 */
export function withValueAt(resource, path, value) {
    const [name, member] = parts(path);
    return { ...resource, [name]: member ? { ...resource[name], [member]: value } : value };
}

/** What differs between two states, in the order of the labels. @param {any} before @param {any} after @returns {Difference[]} */
export function differences(before, after) {
    const [old, current] = [flatten(before), flatten(after)];
    const paths = [...new Set([...old.keys(), ...current.keys()])].filter((path) => !isEqual(old.get(path), current.get(path)));
    return paths.sort(byLabel).map((path) => ({ path, before: old.get(path), after: current.get(path) }));
}

/** The attributes that have a value, by path. @param {any} resource @returns {Map<string, any>} */
export function flatten(resource) {
    const paths = new Map();
    for (const [name, value] of Object.entries(resource ?? {})) {
        if (COMPUTED.includes(name)) continue;
        // The name of a key or connection is a string.
        const members = OBJECTS.includes(name) && isObject(value) ? Object.entries(value).map(([key, member]) => [`${name}.${key}`, member]) : [[name, value]];
        for (const [path, member] of members) if (isPresent(member)) paths.set(path, stored(path, member));
    }
    return paths;
}

/** Without the name of the manager, which is computed. @param {string} path @param {any} value */
const stored = (path, value) => (path === "enterprise.manager" ? value.value : value);

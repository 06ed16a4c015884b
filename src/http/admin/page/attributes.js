/** The attributes of users and groups as paths such as `name.givenName`, to compare and to label them. */
import { texts } from "./texts.js";

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

/** The label of a path; the names of connections replace their ids. @param {string} path @param {Record<string, string>} [sources] */
export function labelOf(path, sources = {}) {
    const known = texts.attributes.labels[path];
    if (known) return known;
    const [name, ...rest] = path.split(".");
    const member = rest.join(".");
    if (name === "externalIds") return texts.attributes.externalId(sources[member] ?? member);
    return name === "extensions" ? member : path;
}

/** A value at a path. @param {any} resource @param {string} path */
export const valueAt = (resource, path) => path.split(".").reduce((value, name) => value?.[name], resource);

/**
 * A copy with another value at a path.
 * @param {any} resource @param {string} path @param {any} value @returns {any}
 */
export function withValueAt(resource, path, value) {
    const [name, ...rest] = path.split(".");
    return { ...resource, [name]: rest.length ? withValueAt(resource[name] ?? {}, rest.join("."), value) : value };
}

/**
 * Routes are in the fragment of the URL, such as `#/users?search=ada`. Browsers do not send fragments to servers, so the
 * names and filters of people are in no access log. Everything worth sharing is in the URL: view, tab, filter, sort,
 * columns, and the tenant that an operator has selected.
 */
import { html, useEffect, useState } from "./vendor/htm-preact.js";

/** @typedef {Record<string, string | number | null | undefined>} Query Null, undefined and "" leave a parameter out. */
/** @typedef {{ path: string, query: URLSearchParams, tenant: string | null }} Location */

/** @type {Set<(location: Location) => void>} */
const listeners = new Set();

let location = parse(window.location.hash);

/** The number of navigations since the start. A new view takes the focus only after the first one. */
export let navigations = 0;

/**
 * The scroll positions of the entries of the browser's history, by the id in their state. The browser cannot restore
 * them itself, because the content does not exist yet when it tries to.
 * @type {Map<number, number>}
 */
const scrollPositions = new Map();

history.scrollRestoration = "manual";
let entry = entryId();

addEventListener("popstate", update);
addEventListener("hashchange", update);
addEventListener("scroll", () => scrollPositions.set(entry, scrollY), { passive: true });

/** The id of the current entry of the history. An entry that a link has just created receives one. */
function entryId() {
    const id = history.state?.id ?? Date.now();
    if (!history.state) history.replaceState({ id }, "");
    return id;
}

/** Restores the scroll position of the current entry: 0 if it is new. */
export const restoreScroll = () => scrollTo(0, scrollPositions.get(entry) ?? 0);

/** @param {string} hash @returns {Location} */
function parse(hash) {
    const [path, search] = hash.slice(1).split(/\?(.*)/s);
    const query = new URLSearchParams(search);
    return { path: path || "/", query, tenant: query.get("tenant") };
}

function update() {
    entry = entryId();
    const next = parse(window.location.hash);
    if (next.path === location.path && `${next.query}` === `${location.query}`) return;
    if (next.path !== location.path) navigations += 1;
    location = next;
    for (const listener of listeners) listener(location);
}

/** The current location, for code outside of components. */
export const currentLocation = () => location;

/** The current location; the component renders again when it changes. */
export function useLocation() {
    const [value, setValue] = useState(location);
    useEffect(() => {
        setValue(location); // It can have changed between the first rendering and this effect.
        listeners.add(setValue);
        return () => void listeners.delete(setValue);
    }, []);
    return value;
}

/**
 * The URL of a view, which stays in the selected tenant unless the query names another one (null: the key's own).
 * Write ids and names with `encodeURIComponent` into the path.
 * @param {string} path @param {Query} [query]
 */
export function href(path, query = {}) {
    const entries = Object.entries({ tenant: location.tenant, ...query });
    const given = entries.filter(([, value]) => value !== null && value !== undefined && value !== "");
    const search = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
    return given.length ? `#${path}?${search}` : `#${path}`;
}

/**
 * Goes to a view. `replace` keeps the browser's history as it is, for example while the user types.
 * @param {string} path @param {Query} [query] @param {{ replace?: boolean }} [options]
 */
export function navigate(path, query, { replace = false } = {}) {
    const url = href(path, query);
    if (replace) history.replaceState(history.state, "", url);
    else history.pushState({ id: Date.now() }, "", url);
    update();
}

/**
 * Changes parameters of the current view and keeps the others.
 * @param {Query} changes @param {{ replace?: boolean }} [options]
 */
export function setQuery(changes, options) {
    navigate(location.path, { ...Object.fromEntries(location.query), ...changes }, options);
}

/** Like `setQuery`, but returns the URL for a link. @param {Query} changes */
export const hrefWith = (changes) => href(location.path, { ...Object.fromEntries(location.query), ...changes });

/**
 * The parameters of a path, or null if it does not match: `match("/users/:id", "/users/7")` is `{ id: "7" }`.
 * @param {string} pattern @param {string} path @returns {Record<string, string> | null}
 */
export function match(pattern, path) {
    const names = pattern.split("/");
    const parts = path.split("/");
    if (names.length !== parts.length) return null;
    /** @type {Record<string, string>} */
    const params = {};
    const equal = names.every((name, i) => {
        if (!name.startsWith(":")) return name === parts[i];
        params[name.slice(1)] = decode(parts[i]);
        return parts[i] !== "";
    });
    return equal ? params : null;
}

/** @param {string} part */
function decode(part) {
    try {
        return decodeURIComponent(part);
    } catch {
        return part;
    }
}

/**
 * A link to a view.
 * @param {{ to: string, query?: Query, children?: unknown } & Record<string, unknown>} props
 */
export function Link({ to, query, children, ...attributes }) {
    return html`<a href=${href(to, query)} ...${attributes}>${children}</a>`;
}

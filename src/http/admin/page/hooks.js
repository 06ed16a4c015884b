/**
 * Hooks for requests. Each cancels its requests when the component goes away or asks for something else. Requests start
 * in layout effects, because other effects wait for the next frame.
 */
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "./vendor/htm-preact.js";
import { get, isAbort, writes } from "./api.js";
import { currentLocation } from "./router.js";
import { currentSession } from "./session.js";

/** @typedef {import("./api.js").Problem} Problem */
/** @typedef {Record<string, import("./api.js").Parameter>} Parameters */
/**
 * @template [T=any]
 * @typedef {object} Resource
 * @property {T | null} data
 * @property {string | null} etag
 * @property {boolean} loading
 * @property {Problem | null} error
 * @property {() => void} reload
 * @property {(data: T, etag?: string | null) => void} replace Shows a state that a write has returned.
 */
/**
 * @template [T=any]
 * @typedef {object} List
 * @property {T[]} items
 * @property {number | null} total Present with `include=total`.
 * @property {boolean} loading
 * @property {Problem | null} error
 * @property {boolean} hasMore
 * @property {() => void} loadMore
 * @property {() => void} reload
 */

/**
 * One resource. A path of null requests nothing.
 * @param {string | null} path @param {Parameters} [query] @returns {Resource}
 */
export function useResource(path, query = {}) {
    const [state, setState] = useState(/** @type {any} */ ({ data: null, etag: null, error: null, loading: path !== null }));
    const [round, setRound] = useState(0);
    const key = path && JSON.stringify([path, query]);

    useLayoutEffect(() => {
        if (path === null) return;
        const controller = new AbortController();
        setState((/** @type {any} */ before) => ({ ...before, loading: true }));
        get(path, query, controller.signal).then(
            ({ data, etag }) => setState({ data, etag, error: null, loading: false }),
            (error) => isAbort(error) || setState({ data: null, etag: null, error, loading: false }),
        );
        return () => controller.abort();
    }, [key, round]);

    const reload = useCallback(() => setRound((value) => value + 1), []);
    const replace = useCallback((/** @type {any} */ data, etag = null) => setState({ data, etag, error: null, loading: false }), []);
    return { ...state, reload, replace };
}

/**
 * @typedef {{ path: string, query?: Parameters }} Source A list of the API.
 * @typedef {{ items: any[], total: number | null, source: number, cursor: string | null, hasMore: boolean }} Pages
 * @typedef {Pages & { loading: boolean, error: Problem | null }} ListState
 */

/** @type {Pages} */
const NO_PAGES = { items: [], total: null, source: 0, cursor: null, hasMore: false };

/**
 * The lists that were shown last, so that "back" shows a list as it was, with the pages that were loaded and at the same
 * scroll position. A write of this page makes them invalid.
 * @type {Map<string, { pages: Pages, time: number, writes: number }>}
 */
const recent = new Map();
const RECENT_MS = 60_000;
const MOST_RECENT = 20;

/** @param {string} key */
function recall(key) {
    const found = recent.get(key);
    return found && found.writes === writes && Date.now() - found.time < RECENT_MS ? found.pages : null;
}

/** @param {string} key @param {Pages} pages */
function remember(key, pages) {
    recent.delete(key);
    recent.set(key, { pages, time: Date.now(), writes });
    if (recent.size > MOST_RECENT) recent.delete(recent.keys().next().value ?? "");
}

/**
 * A list that is read page by page.
 * @param {string | null} path Null requests nothing. @param {Parameters} [query] @returns {List}
 */
export function useList(path, query = {}) {
    return useLists(path === null ? [] : [{ path, query }]);
}

/**
 * Several lists, one after the other, as one: a later one is read once those before it are exhausted, and contributes
 * only items that have not occurred. The order of items that are shown never changes. While the first items of other
 * lists are loading, those of the previous ones stay, so that the page does not jump.
 * @param {Source[]} sources @returns {List}
 */
export function useLists(sources) {
    const key = JSON.stringify([currentSession().caller?.id, currentLocation().tenant, sources]);
    const known = useMemo(() => recall(key), []);
    const loadingAtFirst = !known && sources.length > 0;
    const [state, setState] = useState(/** @type {ListState} */ ({ ...(known ?? NO_PAGES), loading: loadingAtFirst, error: null }));
    const controller = useRef(/** @type {AbortController | null} */ (null));
    const shown = useRef(known ? key : "");

    const load = useCallback(async (/** @type {Pages} */ pages) => {
        controller.current?.abort();
        const { signal } = (controller.current = new AbortController());
        const show = (/** @type {Pages} */ next, /** @type {boolean} */ loading) => {
            if (!loading) remember(key, next);
            setState({ ...next, loading, error: null });
        };
        setState((before) => ({ ...before, loading: true, error: null }));
        try {
            await nextPages(sources, pages, signal, show);
        } catch (error) {
            if (!isAbort(error)) setState((before) => ({ ...before, loading: false, error: /** @type {Problem} */ (error) }));
        }
    }, [key]);

    useLayoutEffect(() => {
        if (shown.current === key) return;
        shown.current = "";
        if (sources.length) load(NO_PAGES);
        else setState({ ...NO_PAGES, loading: false, error: null });
    }, [load]);
    useEffect(() => () => controller.current?.abort(), []);

    const { items, total, loading, error, hasMore } = state;
    const loadMore = useCallback(() => load(state), [load, state]);
    const reload = useCallback(() => void load(NO_PAGES), [load]);
    return { items, total, loading, error, hasMore, loadMore, reload };
}

/**
 * Reads pages until one that is not the last page of its source. A short page with a cursor is not the end: a scan
 * that takes too long returns one.
 * @param {Source[]} sources @param {Pages} pages @param {AbortSignal} signal
 * @param {(pages: Pages, loading: boolean) => void} show
 */
async function nextPages(sources, pages, signal, show) {
    const before = pages.items.length;
    const unneeded = new AbortController();
    const read = pageReader(sources, pages === NO_PAGES, AbortSignal.any([signal, unneeded.signal]));
    for (let next = pages; ; ) {
        const { data } = await read(next);
        const wanted = Number(sources[next.source].query?.limit ?? 50);
        next = append(next, data, sources.length);
        const done = !next.hasMore || next.items.length - before >= wanted / 2;
        if (done || next.items.length > before) show(next, !done);
        if (done) return unneeded.abort();
    }
}

/**
 * A function that reads the page after these pages. The first pages of all lists are requested at the same time.
 * @param {Source[]} sources @param {boolean} fromStart @param {AbortSignal} signal @returns {(pages: Pages) => Promise<any>}
 */
function pageReader(sources, fromStart, signal) {
    const firstPages = fromStart ? sources.map(({ path, query }) => get(path, query, signal)) : [];
    // The error of a page that is needed is thrown where the page is read.
    firstPages.forEach((page) => page.catch(() => {}));
    return ({ source, cursor }) => {
        const { path, query } = sources[source];
        return cursor ? get(path, { ...query, cursor }, signal) : (firstPages[source] ?? get(path, query, signal));
    };
}

/** @param {Pages} pages @param {any} page @param {number} sources @returns {Pages} */
function append(pages, page, sources) {
    const known = new Set(pages.items.map(identityOf));
    const items = [...pages.items, ...page.items.filter((/** @type {any} */ item) => !known.has(identityOf(item)))];
    const cursor = page.nextCursor ?? null;
    const source = cursor ? pages.source : pages.source + 1;
    return { items, total: page.total ?? pages.total, source, cursor, hasMore: source < sources };
}

/** What distinguishes the items of a list: changes have a revision, and members the id of their user. @param {any} item */
const identityOf = ({ revision, userId, id }) => revision ?? id ?? userId;

/** The value once it has not changed for some milliseconds. @template T @param {T} value @param {number} ms */
export function useDebounced(value, ms) {
    const [settled, setSettled] = useState(value);
    useEffect(() => {
        const timer = setTimeout(() => setSettled(value), ms);
        return () => clearTimeout(timer);
    }, [value, ms]);
    return settled;
}

/**
 * Runs a write: `busy` disables its button, `error` is the problem of the last attempt. Resolves to false on failure.
 * @template {unknown[]} A
 * @param {(...args: A) => Promise<unknown>} action
 */
export function useAction(action) {
    const [state, setState] = useState({ busy: false, error: /** @type {Problem | null} */ (null) });
    const run = async (/** @type {A} */ ...args) => {
        setState({ busy: true, error: null });
        try {
            await action(...args);
            setState({ busy: false, error: null });
            return true;
        } catch (error) {
            setState({ busy: false, error: isAbort(error) ? null : /** @type {Problem} */ (error) });
            return false;
        }
    };
    const clear = useCallback(() => setState({ busy: false, error: null }), []);
    return { ...state, run, clear };
}

/** An abort signal for the lifetime of the component. @returns {AbortSignal} */
export function useSignal() {
    const controller = useRef(/** @type {AbortController | null} */ (null));
    controller.current ??= new AbortController();
    useEffect(() => () => controller.current?.abort(), []);
    return controller.current.signal;
}

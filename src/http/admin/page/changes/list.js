/**
 * The changes of the feed, from the newest to the oldest. The API reads it forwards, after a revision. Revisions have no gaps, so the
 * changes before a revision are in a window of known size.
 */
import { useCallback, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { get, isAbort, Problem } from "../api.js";
import { newestRevision, revisionBefore } from "../change-counts.js";

/** @typedef {import("../components/change.js").Change} Change */
/** @typedef {{ type: string, resource: string }} Filter Parameters of the API; "" means all. */
/**
 * @typedef {object} Position
 * @property {number} high The newest revision that is not read yet.
 * @property {number} low The revision before the oldest one to read.
 * @property {number} size The size of the next window.
 */
/** @typedef {import("../hooks.js").List<Change> & { position: Position | null, head: number | null }} ChangeList */
/**
 * @typedef {object} Selection What to list. Empty values select everything.
 * @property {string} type @property {string} resource
 * @property {(change: Change) => boolean} accept For what the API cannot filter.
 * @property {string} since @property {string} until Times.
 * @property {number | null} newest The newest revision, instead of `until`.
 * @property {number | undefined} [requests] The most requests for one page.
 * @property {string} key Changes whenever the selection does.
 */

const WANTED = 50;
const PAGE = 500;
const FIRST_SIZE = 50;
const LARGEST_SIZE = 50_000;

/** After so many requests, what was found is shown, and the reader decides whether to go on. */
const REQUESTS = 12;

/** The changes of a selection, newest first, read backwards page by page. @param {Selection} selection @returns {ChangeList} */
export function useChangeList(selection) {
    const [state, setState] = useState(/** @type {any} */ (initial));
    const controller = useRef(/** @type {AbortController | null} */ (null));

    const load = useCallback(async (/** @type {any} */ before) => {
        controller.current?.abort();
        const { signal } = (controller.current = new AbortController());
        setState({ ...before, loading: true, error: null });
        try {
            setState(await nextPage(before, selection, signal));
        } catch (error) {
            if (!isAbort(error)) setState({ ...before, loading: false, error });
        }
    }, [selection.key]);

    useEffect(() => {
        load(initial);
        return () => controller.current?.abort();
    }, [load]);

    const hasMore = state.position !== null && state.position.high > state.position.low;
    const loadMore = useCallback(() => void load(state), [load, state]);
    const reload = useCallback(() => void load(initial), [load]);
    return { ...state, total: null, hasMore, loadMore, reload };
}

const initial = { items: [], position: null, head: null, loading: true, error: null };

/** @param {any} before @param {Selection} selection @param {AbortSignal} signal */
async function nextPage(before, { type, resource, accept, since, until, newest, requests }, signal) {
    const head = before.head ?? await newestRevision(signal);
    const from = before.position ?? await begin({ since, until, newest, head }, signal);
    const { items, position } = await readBackwards(from, { type, resource }, accept, { wanted: WANTED, requests }, signal);
    return { items: [...before.items, ...items], position, head, loading: false, error: null };
}

/** @param {{ since: string, until: string, newest: number | null, head: number }} range @param {AbortSignal} signal */
async function begin({ since, until, newest, head }, signal) {
    const low = since ? await revisionBefore(new Date(since), signal) : 0;
    const high = newest ?? (until ? await revisionBefore(new Date(until), signal) : head);
    return startAt(Math.min(high, head), low);
}

/** @param {number} high @param {number} low @returns {Position} */
const startAt = (high, low = 0) => ({ high, low, size: FIRST_SIZE });

/**
 * Reads until `wanted` changes are found that `accept` accepts, for filters that the API does not have.
 * @param {Position} position @param {Filter} filter @param {(change: Change) => boolean} accept @param {{ wanted: number, requests?: number }} limits
 * @param {AbortSignal} signal @returns {Promise<{ items: Change[], position: Position }>}
 */
async function readBackwards(position, filter, accept, { wanted, requests = REQUESTS }, signal) {
    /** @type {Change[]} */
    const items = [];
    for (let i = 0; i < requests && items.length < wanted && position.high > position.low; i += 1) {
        const window = await readWindow(position, filter, signal);
        const accepted = window.items.filter(accept);
        items.push(...accepted);
        const advanced = window.position.high < position.high;
        position = window.position;
        if (advanced) position.size = nextSize(position.size, window.items.length, accepted.length);
    }
    return { items, position };
}

/**
 * Where few changes are accepted, the next window is larger: as large as a page of the API if the filter matches many.
 * @param {number} size @param {number} matches @param {number} accepted
 */
function nextSize(size, matches, accepted) {
    if (accepted >= FIRST_SIZE / 2) return size;
    return Math.min(size * 8, matches > size / 8 ? PAGE : LARGEST_SIZE);
}

/**
 * Reads the newest window.
 * @param {Position} position @param {Filter} filter @param {AbortSignal} signal
 * @returns {Promise<{ items: Change[], position: Position }>}
 */
async function readWindow({ high, low, size }, filter, signal) {
    const start = Math.max(high - size, low);
    const page = await readPage(start, filter, signal);
    if ("earliest" in page) return { items: [], position: { high, low: Math.min(page.earliest - 1, high), size } };
    if (page.next < high && page.items.length === PAGE && size > PAGE) return { items: [], position: { high, low, size: PAGE } };
    const items = page.items.filter(({ revision }) => revision <= high);
    for (let { next } = page; next < high;) {
        const more = await readPage(next, filter, signal);
        if ("earliest" in more) break;
        items.push(...more.items.filter(({ revision }) => revision <= high));
        next = more.next;
    }
    return { items: items.reverse(), position: { high: start, low, size } };
}

/**
 * @param {number} after @param {Filter} filter @param {AbortSignal} signal
 * @returns {Promise<{ items: Change[], next: number } | { earliest: number }>} `earliest` if the beginning is not retained.
 */
async function readPage(after, filter, signal) {
    try {
        return (await get("/changes", { after, limit: PAGE, ...filter }, signal)).data;
    } catch (error) {
        if (error instanceof Problem && error.status === 410) return { earliest: error.body.earliest };
        throw error;
    }
}

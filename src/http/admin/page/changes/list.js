import { useCallback, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { isAbort } from "../api.js";
import { newestRevision, revisionBefore } from "../change-counts.js";
import { readBackwards, startAt } from "./backwards.js";

/** @typedef {import("../components/change.js").Change} Change */
/** @typedef {import("../hooks.js").List<Change> & { position: import("./backwards.js").Position | null, head: number | null }} ChangeList */
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

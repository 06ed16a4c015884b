import { html, useEffect, useMemo, useState } from "../vendor/htm-preact.js";
import { get } from "../api.js";
import { Badge } from "../components/badge.js";
import { EmptyState } from "../components/empty-state.js";
import { Filters } from "../components/filters.js";
import { Select } from "../components/form.js";
import { LiveBar, Log, useArrivals } from "../components/log.js";
import { Reference } from "../components/reference.js";
import { SearchField } from "../components/search-field.js";
import { Time } from "../components/time.js";
import { Period } from "../components/time-field.js";
import { useList } from "../hooks.js";
import { usePolling } from "../live.js";
import { setQuery, useLocation } from "../router.js";
import { texts } from "../texts.js";
import { decoded, exists, RequestDetail } from "./request-detail.js";

const t = texts.requests;
const LIMIT = 50;
const MOST_NEW = 500;

/** Longer values of a filter are ids, of which the end is shown. */
const LONGEST = 30;
const EVERY_MS = 2_000;
const FILTERS = ["status", "resource", "user", "note", "since", "until"];

/** The requests of a connection, newest first. New ones arrive while the tab is visible. @param {{ connection: any, onNew: () => void }} props */
export function RequestLog({ connection, onNew }) {
    const filters = useFilters();
    const [live, setLive] = useState(true);
    const list = useList(`/connections/${connection.id}/requests`, { ...filters, limit: LIMIT });
    const arrivals = useArrivals(keyOf);
    useEffect(arrivals.clear, [JSON.stringify(filters)]);

    const { waiting, shown } = arrivals;
    const failed = usePolling(async (signal) => {
        const known = new Set([...waiting, ...shown, ...list.items].map(keyOf));
        const fresh = await readNew(`/connections/${connection.id}/requests`, filters, known, signal);
        if (!fresh.length) return;
        arrivals.add(fresh);
        onNew();
    }, { on: live && !list.loading && !filters.until, everyMs: EVERY_MS });

    const items = useMemo(() => [...new Map([...shown, ...list.items].map((item) => [item.id, item])).values()].sort(newestFirst), [shown, list.items]);
    const empty = html`<${NoRequests} filtered=${FILTERS.some((name) => filters[name])} />`;
    useEffect(() => void (waiting.length && !items.length && arrivals.show()), [waiting, items]);
    return html`
        <${RequestFilters} filters=${filters} codes=${codesIn(connection, items)} />
        ${!filters.until && html`<${LiveBar} live=${live} setLive=${setLive} failed=${failed} show=${arrivals.show} waiting=${waiting.length ? t.waiting(waiting.length) : null} />`}
        <${Log} label=${t.title} className="request-log" list=${{ ...list, items }} keyOf=${keyOf} row=${rowOf(connection.mode === "dry")} empty=${empty}
            detail=${(/** @type {any} */ item) => html`<${RequestDetail} request=${item} />`} />`;
}

/**
 * The requests that are not known, which are the newest ones.
 * @param {string} path @param {Record<string, string>} filters @param {Set<string>} known @param {AbortSignal} signal
 */
async function readNew(path, filters, known, signal) {
    /** @type {any[]} */
    const fresh = [];
    for (let cursor = null; ;) {
        const { data } = await get(path, { ...filters, limit: LIMIT, cursor }, signal);
        const items = data.items.filter((/** @type {any} */ item) => !known.has(item.id));
        fresh.push(...items);
        cursor = data.nextCursor ?? null;
        const complete = !known.size || items.length < data.items.length;
        if (complete || !cursor || fresh.length >= MOST_NEW) return fresh;
    }
}

const keyOf = (/** @type {any} */ { id }) => id;
/** Ids are in the order of arrival. @param {any} a @param {any} b */
const newestFirst = (a, b) => (a.id < b.id ? 1 : -1);

/** The filters, which are in the URL under the names of the API. @returns {Record<string, string>} */
function useFilters() {
    const { query } = useLocation();
    return Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? ""]));
}

/** The codes of notes that occur. @param {any} connection @param {any[]} items */
function codesIn({ requests }, items) {
    const codes = items.flatMap(({ notes }) => notes.map((/** @type {any} */ { code }) => code));
    return [...new Set([...Object.keys(requests.errorsLastDay), ...codes])].sort();
}

/** @param {{ filters: Record<string, string>, codes: string[] }} props */
function RequestFilters({ filters, codes }) {
    const change = (/** @type {Record<string, string | null>} */ values) => setQuery({ ...values, open: null });
    const set = (/** @type {string} */ name) => (/** @type {string} */ value) => change({ [name]: value });
    const type = (/** @type {string} */ value) => setQuery({ user: value.trim(), open: null }, { replace: true });
    return html`
        <${Filters} names=${FILTERS} values=${filters}>
            <div class="field"><span class="label">${t.user}</span><${SearchField} label=${t.userHint} value=${filters.user} onSearch=${type} /></div>
            <${Select} label=${t.status} value=${filters.status} onInput=${set("status")} options=${withAll(t.statuses, filters.status)} />
            <${Select} label=${t.note} value=${filters.note} onInput=${set("note")} options=${withAll(Object.fromEntries(codes.map((code) => [code, texts.note(code)])), filters.note)} />
            <${Select} label=${t.resource} value=${filters.resource} onInput=${set("resource")} options=${withAll(t.resources, filters.resource)} />
            <${Period} since=${filters.since} until=${filters.until} set=${change} />
        <//>`;
}

/** A value from the URL that is not in the list is offered too. @param {Record<string, string>} labels @param {string} value */
function withAll(labels, value) {
    const known = Object.entries(labels).map(([id, label]) => ({ value: id, label }));
    const other = value && !(value in labels) ? [{ value, label: value.length > LONGEST ? `…${value.slice(-8)}` : value }] : [];
    return [{ value: "", label: t.all }, ...known, ...other];
}

/** @param {boolean} dry @returns {(request: any) => [unknown, ...unknown[]]} */
const rowOf = (dry) => (request) => {
    const { time, status, durationMs, resource, resourceId, plan } = request;
    return [
        html`<${Time} value=${time} form="precise" />`,
        html`<${Badge} kind=${kindOf(status)}>${status}<//>`,
        html`<${Line} ...${request} />`,
        resourceId && exists({ status, plan: dry || plan }) && html`<${Reference} type=${resource} id=${resourceId} />`,
        html`<${Marks} ...${request} />`,
        html`<span class="muted small">${t.duration(durationMs)}</span>`,
    ];
};

/** @param {any} request */
function Line({ method, path, query }) {
    const full = `${method} ${path}${query ? `?${query}` : ""}`;
    return html`<code title=${full}><strong>${method}</strong> ${shortPath(path)}${query && `?${decoded(query)}`}</code>`;
}

/** What is special about a request. @param {any} request */
function Marks({ status, notes, plan, erased }) {
    const kind = status >= 400 ? "bad" : "warning";
    return html`
        <div class="badges">
            ${plan && html`<${Badge}>${t.planned}<//>`}
            ${erased && html`<${Badge}>${t.erased}<//>`}
            ${notesOf(notes).map(([code, count]) => html`
                <${Badge} key=${code} kind=${kind}>${texts.note(code)}${count > 1 ? ` × ${count}` : ""}<//>`)}
        </div>`;
}

/** Without the base and the ids, which say nothing to a reader. @param {string} path */
const shortPath = (path) => path.replace(/^\/scim\/v2(?=.)/, "").replace(/[0-9a-f-]{28}([0-9a-f]{8})/g, "…$1");

/** The codes of the notes with their numbers. @param {{ code: string }[]} notes @returns {[string, number][]} */
function notesOf(notes) {
    const counts = new Map();
    for (const { code } of notes) counts.set(code, (counts.get(code) ?? 0) + 1);
    return [...counts];
}

/** @param {number} status */
const kindOf = (status) => (status >= 500 || status === 429 ? "bad" : status >= 400 ? "warning" : "good");

/** @param {{ filtered: boolean }} props */
const NoRequests = ({ filtered }) => html`<${EmptyState} ...${filtered ? t.noMatch : t.none} />`;

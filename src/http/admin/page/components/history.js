import { html } from "../vendor/htm-preact.js";
import { get } from "../api.js";
import { Link, navigate } from "../router.js";
import { can } from "../session.js";
import { texts } from "../texts.js";
import { Badge } from "./badge.js";
import { meaningOf } from "./change.js";
import { Copy } from "./copy.js";
import { Diff } from "./diff.js";
import { EmptyState, Skeleton } from "./empty-state.js";
import { ErrorNotice } from "./error-notice.js";
import { Actor } from "./reference.js";
import { LoadMore } from "./table.js";
import { Time } from "./time.js";

const day = new Intl.DateTimeFormat("en", { dateStyle: "full" });

/**
 * The changes of one resource, newest first, by day. `entry` renders one of them.
 * @param {{ list: import("../hooks.js").List, none: string, entry: (change: any, i: number) => unknown }} props
 */
export function HistoryList({ list, none, entry }) {
    const { items, loading, error, reload } = list;
    if (error && !items.length) return html`<${ErrorNotice} error=${error} retry=${reload} />`;
    if (!items.length) return loading ? html`<${Skeleton} lines=${8} />` : html`<${EmptyState} title=${none} />`;
    return html`
        <ol class="history" aria-busy=${loading}>
            ${items.map((change, i) => html`
                ${dayOf(change) !== dayOf(items[i - 1]) && html`<li key=${dayOf(change)} class="history-day"><h2>${dayOf(change)}</h2></li>`}
                ${entry(change, i)}`)}
        </ol>
        <${LoadMore} list=${list} />`;
}

/** @param {any} change */
const dayOf = (change) => change && day.format(new Date(change.time));

/** The revision that reverts another one, as far as the list has it. @param {any[]} items @param {number} revision @returns {number | undefined} */
export const revertedBy = (items, revision) => items.find(({ reverts }) => reverts?.includes(revision))?.revision;

/** @typedef {import("./change.js").Change} Change */
/**
 * @typedef {object} EntryProps
 * @property {Change & { version?: number }} change
 * @property {Record<string, any>} words What changes mean, by the second part of their meaning.
 * @property {unknown} [subject] The user or group that it concerns.
 * @property {unknown} [action]
 * @property {unknown} [link] To the state after the change.
 * @property {string} resource The id whose requests are shown.
 * @property {number} [revertedBy]
 */

/** Of the badges; others are neutral. @type {Record<string, string>} */
const KINDS = {
    created: "good", restored: "good", reactivated: "good", added: "good", removed: "warning", deactivated: "warning", deleted: "bad", erased: "bad",
};

/** A change in the history of a user or group. @param {EntryProps} props */
export function ChangeEntry({ change, words, subject, action, link, resource, revertedBy }) {
    const meaning = meaningOf(change).split(".")[1];
    return html`
        <li class="change" id=${`revision-${change.revision}`}>
            <div class="change-header">
                <p><${Badge} kind=${KINDS[meaning]}>${words[meaning]}<//>${subject}</p>
                <${Time} value=${change.time} form="precise" />
                ${action}
            </div>
            <${Reverts} reverts=${change.reverts} by=${revertedBy} />
            <${Values} change=${change} />
            <${Source} change=${change} resource=${resource} link=${link} />
        </li>`;
}

/** @param {{ reverts?: number[], by?: number }} props */
function Reverts({ reverts, by }) {
    if (!reverts && !by) return null;
    return html`
        <p>
            ${reverts && html`<${Badge}>${texts.history.reverts(reverts)}<//> `}
            ${by && html`<${Badge} kind="warning">${texts.history.revertedBy(by)}<//>`}
        </p>`;
}

/** The values of a whole resource are many, so they are shown on demand. @param {{ change: Change }} props */
function Values({ change: { type, before, after, erased } }) {
    if (erased) return html`<p class="muted">${texts.history.valuesErased}</p>`;
    if (!before && !after) return null;
    const diff = html`<${Diff} before=${before} after=${after} />`;
    if (type.endsWith(".updated")) return diff;
    return html`<details><summary>${texts.history.values}</summary>${diff}</details>`;
}

/** Who made the change, and with which request. @param {{ change: Change & { version?: number }, resource: string, link: unknown }} props */
function Source({ change: { actor, requestId, revision, version, time, groupId }, resource, link }) {
    const inspected = actor.type === "connection" && can("admin");
    const id = html`<code>${requestId}</code>`;
    return html`
        <div class="change-source small">
            <span>${texts.history.by} <${Actor} actor=${actor} within /></span>
            <span class="copy-value">
                <span class="muted">${texts.history.request}</span>
                ${inspected ? html`<${RequestLink} connection=${actor.id} resource=${resource} requestId=${requestId} time=${time}>${id}<//>` : id}
                <${Copy} value=${requestId} label=${texts.errors.copyRequestId} />
            </span>
            <span class="muted">${texts.history.revision(revision, groupId ? null : version ?? null)}</span>
            ${link}
        </div>`;
}

const REQUEST_SECONDS = 60;

/**
 * The requests of the connection about the resource at that time, with the one that made the change open, if the log
 * still has it. A write is answered within its deadline.
 * @param {{ connection: string, resource: string, requestId: string, time: string, children?: unknown }} props
 */
function RequestLink({ connection, resource, requestId, time, children }) {
    const written = new Date(time).getTime();
    const since = new Date(written - REQUEST_SECONDS * 1000).toISOString();
    const until = new Date(written + 1000).toISOString();
    const path = `/connections/${connection}`;
    const query = { resource, since, until };
    const follow = async (/** @type {MouseEvent} */ event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        const requests = await get(`${path}/requests`, query).then(({ data }) => data.items, () => []);
        navigate(path, { ...query, open: requests.find((/** @type {any} */ request) => request.requestId === requestId)?.id });
    };
    return html`<${Link} to=${path} query=${query} onClick=${follow} title=${texts.history.showRequest}>${children}<//>`;
}

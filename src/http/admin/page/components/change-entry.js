import { html } from "../vendor/htm-preact.js";
import { get } from "../api.js";
import { Link, navigate } from "../router.js";
import { can } from "../session.js";
import { texts } from "../texts.js";
import { Actor } from "./actor.js";
import { Badge } from "./badge.js";
import { Copy } from "./copy.js";
import { Diff } from "./diff.js";
import { Time } from "./time.js";

/** @typedef {import("./change.js").Change} Change */
/**
 * @typedef {object} EntryProps
 * @property {Change & { version?: number }} change
 * @property {string} kind @property {string} text What the change means, and the kind of its badge.
 * @property {unknown} [subject] The user or group that it concerns.
 * @property {unknown} [action]
 * @property {unknown} [link] To the state after the change.
 * @property {string} resource The id whose requests are shown.
 * @property {number} [revertedBy]
 */

/** A change in the history of a user or group. @param {EntryProps} props */
export function ChangeEntry({ change, kind, text, subject, action, link, resource, revertedBy }) {
    return html`
        <li class="change" id=${`revision-${change.revision}`}>
            <div class="change-header">
                <p><${Badge} kind=${kind}>${text}<//>${subject}</p>
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

import { html } from "../vendor/htm-preact.js";
import { get } from "../api.js";
import { Actor } from "../components/actor.js";
import { Badge } from "../components/badge.js";
import { Button } from "../components/button.js";
import { Copy } from "../components/copy.js";
import { Diff } from "../components/diff.js";
import { Reference } from "../components/reference.js";
import { Time } from "../components/time.js";
import { useName } from "../name-cache.js";
import { hrefWith, Link, navigate } from "../router.js";
import { can } from "../session.js";
import { texts } from "../texts.js";

/** @typedef {import("./history.js").Repair} Repair */

/** @type {Record<string, { kind: string, text: string }>} */
const MEANINGS = {
    "user.created": { kind: "good", text: texts.user.history.created },
    "user.deleted": { kind: "bad", text: texts.user.history.deleted },
    "user.erased": { kind: "bad", text: texts.user.history.erased },
    "member.added": { kind: "good", text: texts.user.history.added },
    "member.removed": { kind: "warning", text: texts.user.history.removed },
};

/** What a change means for the person. @param {any} change */
function meaningOf({ type, version, before, after }) {
    if (type === "user.created" && version > 1) return { kind: "good", text: texts.user.history.restored };
    if (type !== "user.updated") return MEANINGS[type] ?? { kind: "neutral", text: type };
    if (before?.active === undefined || before.active === after?.active) return { kind: "neutral", text: texts.user.history.updated };
    return after.active ? { kind: "good", text: texts.user.history.reactivated } : { kind: "bad", text: texts.user.history.deactivated };
}

/**
 * A change in the history of a user.
 * @param {{ change: any, userId: string, revertedBy?: number, repair: Repair | null, busy: boolean,
 *     run: (repair: Repair, name: string) => void }} props
 */
export function Change({ change, userId, revertedBy, repair, busy, run }) {
    const { kind, text } = meaningOf(change);
    return html`
        <li class="change" id=${`revision-${change.revision}`}>
            <div class="change-header">
                <p><${Badge} kind=${kind}>${text}<//>${change.groupId && html` <${Reference} type="group" id=${change.groupId} />`}</p>
                <${Time} value=${change.time} form="precise" />
                ${repair?.kind === "active" && html`<${Button} busy=${busy} onClick=${() => run(repair, "")}>${texts.user.reactivate}<//>`}
                ${repair?.kind === "group" && html`<${AddAgain} groupId=${repair.groupId} busy=${busy} run=${(/** @type {string} */ name) => run(repair, name)} />`}
            </div>
            <${Reverts} reverts=${change.reverts} by=${revertedBy} />
            <${Values} change=${change} />
            <${Source} change=${change} userId=${userId} />
        </li>`;
}

/** @param {{ groupId: string, busy: boolean, run: (name: string) => void }} props */
function AddAgain({ groupId, busy, run }) {
    const name = useName("group", groupId) ?? texts.user.history.thisGroup;
    return html`<${Button} busy=${busy} onClick=${() => run(name)}>${texts.user.history.addAgain(name)}<//>`;
}

/** @param {{ reverts?: number[], by?: number }} props */
function Reverts({ reverts, by }) {
    if (!reverts && !by) return null;
    return html`
        <p>
            ${reverts && html`<${Badge}>${texts.user.history.reverts(reverts)}<//> `}
            ${by && html`<${Badge} kind="warning">${texts.user.history.revertedBy(by)}<//>`}
        </p>`;
}

/** The values of a whole user are many, so they are shown on demand. @param {{ change: any }} props */
function Values({ change: { type, before, after, erased } }) {
    if (erased) return html`<p class="muted">${texts.user.history.valuesErased}</p>`;
    if (!before && !after) return null;
    const diff = html`<${Diff} before=${before} after=${after} />`;
    if (type === "user.updated") return diff;
    return html`<details><summary>${texts.user.history.values}</summary>${diff}</details>`;
}

/** Who made the change, and with which request. @param {{ change: any, userId: string }} props */
function Source({ change: { type, actor, requestId, revision, version, time, groupId, erased }, userId }) {
    const inspected = actor.type === "connection" && can("admin");
    const id = html`<code>${requestId}</code>`;
    return html`
        <div class="change-source small">
            <span>${texts.user.history.by} <${Actor} actor=${actor} /></span>
            <span class="copy-value">
                <span class="muted">${texts.user.history.request}</span>
                ${inspected ? html`<${RequestLink} connection=${actor.id} resource=${groupId ?? userId} requestId=${requestId} time=${time}>${id}<//>` : id}
                <${Copy} value=${requestId} label=${texts.errors.copyRequestId} />
            </span>
            <span class="muted">${texts.user.history.revision(revision, groupId ? null : version)}</span>
            ${!erased && type !== "user.erased" && html`<a href=${hrefWith({ at: revision })} title=${texts.user.history.stateAfter}>${texts.user.history.state}</a>`}
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
    return html`<${Link} to=${path} query=${query} onClick=${follow} title=${texts.user.history.showRequest}>${children}<//>`;
}

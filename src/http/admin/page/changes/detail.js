import { html } from "../vendor/htm-preact.js";
import { Actor } from "../components/actor.js";
import { ChangeDetail, Revisions } from "../components/change.js";
import { CopyValue } from "../components/copy.js";
import { Link } from "../router.js";
import { can } from "../session.js";
import { texts } from "../texts.js";

/** @typedef {import("../components/change.js").Change} Change */

const t = texts.changes;

const REVERTED = ["user", "group", "member"];

/** A change may be recorded some seconds after its request has arrived. */
const MARGIN_MS = 30_000;

/** What a change did, and which request made it. @param {{ change: Change }} props */
export function FeedDetail({ change }) {
    const { revision, requestId, traceId, actor, reverts } = change;
    return html`
        <div class="stack">
            <${ChangeDetail} change=${change} />
            <dl class="facts">
                <dt>${t.actor}</dt><dd><${Actor} actor=${actor} /></dd>
                <dt>${t.revision}</dt><dd>${texts.common.integer(revision)}</dd>
                <dt>${t.requestId}</dt><dd><${CopyValue} value=${requestId} label=${texts.errors.copyRequestId} /></dd>
                ${traceId && html`<dt>${t.traceId}</dt><dd><${CopyValue} value=${traceId} label=${t.copyTraceId} /></dd>`}
                ${reverts && html`<dt>${t.reverts}</dt><dd><${Revisions} revisions=${reverts} count=${reverts.length} /></dd>`}
            </dl>
            ${can("admin") && html`<div class="actions"><${Next} change=${change} /></div>`}
        </div>`;
}

/** What somebody usually wants to do next. @param {{ change: Change }} props */
function Next({ change: { revision, actor, time, resource, id, groupId } }) {
    const concerned = REVERTED.includes(resource) ? id ?? groupId : null;
    const around = { since: near(time, -MARGIN_MS), until: near(time, MARGIN_MS), resource: concerned };
    return html`
        ${actor.type === "connection" && html`<${Link} class="button" to=${`/connections/${actor.id}`} query=${around}>${t.showRequest}<//>`}
        ${REVERTED.includes(resource) && html`<${Link} class="button" to="/revert" query=${{ actor: `${actor.type}:${actor.id}`, after: revision - 1, until: revision, plan: 1 }}>${t.revertThis}<//>`}`;
}

/** @param {string} time @param {number} ms */
const near = (time, ms) => new Date(new Date(time).getTime() + ms).toISOString();

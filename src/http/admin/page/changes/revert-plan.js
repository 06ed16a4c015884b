import { html, useEffect, useMemo, useState } from "../vendor/htm-preact.js";
import { Problem, request } from "../api.js";
import { labelOf } from "../attributes.js";
import { newestRevision } from "../change-counts.js";
import { Badge } from "../components/badge.js";
import { Button } from "../components/button.js";
import { Revisions } from "../components/change.js";
import { Confirm } from "../components/dialog.js";
import { EmptyState } from "../components/empty-state.js";
import { ErrorNotice } from "../components/error-notice.js";
import { reveal, Section } from "../components/page.js";
import { Actor, Name, Reference } from "../components/reference.js";
import { Table } from "../components/table.js";
import { usePolling } from "../live.js";
import { Link } from "../router.js";
import { texts } from "../texts.js";

const t = texts.revert;
const SHOWN = 100;
const MOST_ATTEMPTS = 5;
const PROGRESS_MS = 500;

/** A plan, and after its application the results. @param {{ plan: import("../views/revert.js").Plan, again: () => void }} props */
export function RevertPlan({ plan: { range, result: plan, statuses }, again }) {
    const [asking, setAsking] = useState(false);
    const [applying, setApplying] = useState(false);
    const [applied, setApplied] = useState(/** @type {any} */ (null));
    const [error, setError] = useState(/** @type {Problem | null} */ (null));
    const apply = async () => {
        setAsking(false);
        setApplying(true);
        try {
            setApplied(await applyPlan(range, plan));
        } catch (problem) {
            setError(/** @type {Problem} */ (problem));
        }
        setApplying(false);
    };
    useEffect(() => reveal(document.getElementById("plan")), [applied]);
    const result = applied ?? plan;
    const outcomeOf = (/** @type {any} */ { outcome, id }) => (outcome !== "update" || statuses[id] === undefined ? outcome : statuses[id] ? "deactivate" : "reactivate");
    const items = result.items.map((/** @type {any} */ item) => ({ ...item, outcome: outcomeOf(item) }));
    const count = plan.items.filter((/** @type {any} */ { outcome }) => outcome !== "unchanged").length;
    const action = !applied && !applying && !error && count > 0 && html`<${Button} kind="danger" onClick=${() => setAsking(true)}>${t.apply(count)}<//>`;
    return html`
        <${Section} title=${applied ? t.results : t.plan} actions=${action} id="plan" tabindex="-1">
            <div class="stack">
                ${applying && html`<${Progress} head=${plan.head} count=${count} />`}
                ${error && html`<${Failure} error=${error} again=${again} />`}
                ${applied && html`<${Outcome} applied=${applied} actor=${range.actor} again=${again} />`}
                <${Counts} result=${{ ...result, items }} done=${!!applied} />
                <${Items} items=${items} done=${!!applied} />
            </div>
        <//>
        ${result.conflictCount > 0 && html`<${Conflicts} conflicts=${result.conflicts} count=${result.conflictCount} />`}
        ${asking && html`
            <${Confirm} title=${t.confirmTitle} action=${t.apply(count)} danger onConfirm=${async () => void apply()} onClose=${() => setAsking(false)}>
                <p>${t.confirmLead(count, result.conflictCount)}</p>
            <//>`}`;
}

/**
 * Applies a plan. If something was written since, and the plan is nevertheless still the same, it is applied: in a busy
 * tenant, something is always written while somebody reads a plan.
 * @param {import("../views/revert.js").Range} range @param {any} plan
 */
async function applyPlan(range, plan) {
    for (let { head } = plan, attempt = 1; ; attempt += 1) {
        try {
            return (await request("/changes/revert", { method: "POST", body: { ...range, plan: false, head } })).data;
        } catch (problem) {
            if (!(problem instanceof Problem && problem.status === 412) || attempt === MOST_ATTEMPTS) throw problem;
            const { data } = await request("/changes/revert", { method: "POST", body: { ...range, plan: true } });
            if (contentOf(data) !== contentOf(plan)) throw problem;
            head = data.head;
        }
    }
}

/** @param {any} plan */
const contentOf = ({ items, conflicts }) => JSON.stringify([items, conflicts]);

/** The response arrives at the end, but the newest revision shows how far the revert has come. @param {{ head: number, count: number }} props */
function Progress({ head, count }) {
    const [done, setDone] = useState(0);
    usePolling(async (signal) => setDone(await newestRevision(signal) - head), { on: true, everyMs: PROGRESS_MS });
    const shown = Math.min(done, count);
    return html`
        <div class="stack" role="status">
            <label>${t.applying(shown, count)} <progress value=${shown} max=${count}></progress></label>
        </div>`;
}

/** @param {{ error: Problem, again: () => void }} props */
function Failure({ error, again }) {
    if (error.status !== 412) return html`<${ErrorNotice} error=${error} />`;
    return html`
        <div class="notice warning" role="alert">
            <p class="notice-body">${t.outdated}</p>
            <${Button} onClick=${again}>${t.planAgain}<//>
        </div>`;
}

/** @param {{ applied: any, actor: { type: string, id: string }, again: () => void }} props */
function Outcome({ applied: { portions, pending, problem, items }, actor, again }) {
    const last = portions.findLast((/** @type {any} */ { revisions }) => revisions)?.revisions[1];
    const count = items.filter((/** @type {any} */ { outcome }) => outcome !== "unchanged").length;
    return html`
        ${problem && html`<${ErrorNotice} error=${new Problem(problem)} />`}
        <div class=${`notice ${pending ? "warning" : "good"}`} role="status">
            <p class="notice-body">${pending ? t.incomplete(pending) : t.done(count)}</p>
            <${BackLink} actor=${actor} />
            ${last && html`<${Link} class="button" to="/changes" query=${{ revision: last }}>${t.showChanges}<//>`}
            ${pending > 0 && html`<${Button} onClick=${again}>${t.planAgain}<//>`}
        </div>`;
}

/** To where a revert of a connection was begun. @param {{ actor: { type: string, id: string } | null }} props */
export const BackLink = ({ actor }) => actor?.type === "connection" && html`
    <${Link} class="button" to=${`/connections/${actor.id}`} query=${{ tab: "removals" }}><span>${t.back} <${Name} ...${actor} /></span><//>`;

/** @param {{ result: any, done: boolean }} props */
function Counts({ result: { items, changes, conflictCount }, done }) {
    const counts = new Map();
    for (const { outcome } of items) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    return html`
        <p role="status">${t.changes(changes)}</p>
        <ul class="badges">
            ${[...counts].map(([outcome, count]) => html`<li key=${outcome}><${OutcomeBadge} outcome=${outcome} done=${done} count=${count} /></li>`)}
            ${conflictCount > 0 && html`<li><${Badge} kind="warning">${t.conflictCount(conflictCount)}<//></li>`}
        </ul>
        ${counts.has("unchanged") && html`<p class="hint">${t.unchangedHint}</p>`}`;
}

/** @type {Record<string, "good" | "warning" | "bad" | "neutral">} */
const KINDS = { reactivate: "good", deactivate: "bad", update: "warning", delete: "bad", restore: "good", add: "good", remove: "bad", unchanged: "neutral" };

/** @param {{ outcome: string, done: boolean, count?: number }} props */
const OutcomeBadge = ({ outcome, done, count }) => html`
    <${Badge} kind=${KINDS[outcome]}>${t.outcomes[outcome][Number(done)]}${count === undefined ? "" : `: ${texts.common.integer(count)}`}<//>`;

/** @param {{ items: any[], done: boolean }} props */
function Items({ items, done }) {
    const columns = useMemo(() => columnsOf(done), [done]);
    const list = usePart(items);
    return html`<${Table} caption=${t.plan} columns=${columns} list=${list} keyOf=${keyOf} empty=${html`<${EmptyState} ...${t.nothing} />`} />`;
}

/** @param {any} item */
const keyOf = ({ resource, id, groupId, userId }) => `${resource} ${id ?? `${groupId} ${userId}`}`;

/** @param {boolean} done @returns {import("../components/table.js").Column[]} */
const columnsOf = (done) => [
    { id: "resource", label: t.resource, render: (item) => html`<${Subject} ...${item} />` },
    { id: "outcome", label: t.outcome, width: "narrow", render: ({ outcome }) => html`<${OutcomeBadge} outcome=${outcome} done=${done} />` },
    { id: "attributes", label: t.attributes, render: ({ attributes }) => attributes.map(labelOf).join(", ") || null },
    { id: "reverts", label: t.revisions, width: "medium", render: ({ reverts }) => html`<${Revisions} revisions=${reverts} count=${reverts.length} />` },
];

/** A user, a group or a membership. @param {any} item */
function Subject({ resource, id, groupId, userId }) {
    if (resource !== "member") return html`<${Reference} type=${resource} id=${id} />`;
    return html`<${Reference} type="user" id=${userId} /> ${texts.changes.inGroup} <${Reference} type="group" id=${groupId} />`;
}

/** What is left alone, and why. @param {{ conflicts: any[], count: number }} props */
function Conflicts({ conflicts, count }) {
    const list = usePart(conflicts);
    const columns = [
        { id: "resource", label: t.resource, render: (/** @type {any} */ item) => html`<${Subject} ...${item} />` },
        { id: "attribute", label: t.attributes, render: (/** @type {any} */ { attribute }) => (attribute ? labelOf(attribute) : t.whole) },
        { id: "reason", label: t.reason, render: (/** @type {any} */ { reason }) => t.reasons[reason] ?? reason },
        { id: "by", label: t.by_, render: (/** @type {any} */ item) => html`<${KeptBy} ...${item} />` },
    ];
    const key = (/** @type {any} */ conflict) => `${keyOf(conflict)} ${conflict.attribute}`;
    return html`
        <${Section} title=${t.conflictCount(count)}>
            <p class="muted section-lead">${t.conflictsLead}</p>
            <${Table} caption=${t.conflictCount(count)} columns=${columns} list=${list} keyOf=${key} empty=${null} />
        <//>`;
}

/** @param {any} conflict */
function KeptBy({ resource, actor, revision, existingId }) {
    if (existingId) return html`<${Reference} type=${resource} id=${existingId} />`;
    if (!actor) return "—";
    return html`<${Actor} actor=${actor} /> <${Revisions} revisions=${[revision]} count=${1} />`;
}

/** A part of an array that grows on request, as a list for tables. @param {any[]} all @returns {import("../hooks.js").List} */
function usePart(all) {
    const [shown, setShown] = useState(SHOWN);
    const more = () => setShown(shown + SHOWN);
    const hasMore = all.length > shown;
    return { items: all.slice(0, shown), total: all.length, loading: false, error: null, hasMore, loadMore: more, reload: () => {} };
}

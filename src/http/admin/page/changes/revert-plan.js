import { html, useMemo, useState } from "../vendor/htm-preact.js";
import { Problem, request } from "../api.js";
import { newestRevision } from "../change-counts.js";
import { Actor } from "../components/actor.js";
import { Badge } from "../components/badge.js";
import { Button } from "../components/button.js";
import { Confirm } from "../components/dialog.js";
import { EmptyState } from "../components/empty-state.js";
import { ErrorNotice } from "../components/error-notice.js";
import { Section } from "../components/page.js";
import { Reference } from "../components/reference.js";
import { Table } from "../components/table.js";
import { usePolling } from "../live.js";
import { Link } from "../router.js";
import { texts } from "../texts.js";

const t = texts.revert;
const SHOWN = 100;
const MOST_ATTEMPTS = 5;
const PROGRESS_MS = 500;

/** A plan, and after its application the results. @param {{ plan: import("../views/revert.js").Plan, again: () => void }} props */
export function RevertPlan({ plan: { range, result: plan }, again }) {
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
    const result = applied ?? plan;
    const count = plan.items.filter((/** @type {any} */ { outcome }) => outcome !== "unchanged").length;
    const action = !applied && !applying && !error && count > 0 && html`<${Button} kind="danger" onClick=${() => setAsking(true)}>${t.apply(count)}<//>`;
    return html`
        <${Section} title=${applied ? t.results : t.plan} actions=${action}>
            <div class="stack">
                ${applying && html`<${Progress} head=${plan.head} count=${count} />`}
                ${error && html`<${Failure} error=${error} again=${again} />`}
                ${applied && html`<${Outcome} applied=${applied} again=${again} />`}
                <${Counts} result=${result} />
                <${Items} items=${result.items} conflicts=${result.conflicts} />
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

/** @param {{ applied: any, again: () => void }} props */
function Outcome({ applied: { portions, pending, problem }, again }) {
    const transactions = portions.filter((/** @type {any} */ { revisions }) => revisions);
    const last = transactions.at(-1)?.revisions[1];
    return html`
        ${problem && html`<${ErrorNotice} error=${new Problem(problem)} />`}
        <div class=${`notice ${pending ? "warning" : "good"}`} role="status">
            <p class="notice-body">${pending ? t.incomplete(pending) : t.done(transactions.length)}</p>
            ${last && html`<${Link} class="button" to="/changes" query=${{ revision: last }}>${t.showChanges}<//>`}
            ${pending > 0 && html`<${Button} onClick=${again}>${t.planAgain}<//>`}
        </div>`;
}

/** @param {{ result: any }} props */
function Counts({ result: { items, changes, conflictCount } }) {
    const counts = new Map();
    for (const { outcome } of items) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    return html`
        <p role="status">${t.changes(changes)}</p>
        <ul class="badges">
            ${[...counts].map(([outcome, count]) => html`<li key=${outcome}><${OutcomeBadge} outcome=${outcome} count=${count} /></li>`)}
            ${conflictCount > 0 && html`<li><${Badge} kind="warning">${t.conflictCount(conflictCount)}<//></li>`}
        </ul>
        ${counts.has("unchanged") && html`<p class="hint">${t.unchangedHint}</p>`}`;
}

/** @type {Record<string, "good" | "warning" | "bad" | "neutral">} */
const KINDS = { update: "warning", delete: "bad", restore: "good", add: "good", remove: "bad", unchanged: "neutral" };

/** @param {{ outcome: string, count?: number }} props */
const OutcomeBadge = ({ outcome, count }) => html`
    <${Badge} kind=${KINDS[outcome]}>${t.outcomes[outcome]}${count === undefined ? "" : `: ${texts.common.integer(count)}`}<//>`;

/** @param {{ items: any[], conflicts: any[] }} props */
function Items({ items, conflicts }) {
    const kept = useMemo(() => grouped(conflicts), [conflicts]);
    const columns = useMemo(() => columnsOf(kept), [kept]);
    const list = usePart(items);
    return html`<${Table} caption=${t.plan} columns=${columns} list=${list} keyOf=${keyOf} empty=${html`<${EmptyState} ...${t.nothing} />`} />`;
}

/** @param {any[]} conflicts @returns {Map<string, any[]>} */
function grouped(conflicts) {
    const groups = new Map();
    for (const conflict of conflicts) groups.set(keyOf(conflict), [...(groups.get(keyOf(conflict)) ?? []), conflict]);
    return groups;
}

/** @param {any} item */
const keyOf = ({ resource, id, groupId, userId }) => `${resource} ${id ?? `${groupId} ${userId}`}`;

/** @param {Map<string, any[]>} kept The conflicts of each item. @returns {import("../components/table.js").Column[]} */
function columnsOf(kept) {
    const conflicts = (/** @type {any} */ item) => kept.get(keyOf(item))?.map(({ attribute, reason }) => t.conflict(attribute, t.reasons[reason])).join(", ");
    return [
        { id: "resource", label: t.resource, render: (item) => html`<${Subject} ...${item} />` },
        { id: "outcome", label: t.outcome, width: "narrow", render: ({ outcome }) => html`<${OutcomeBadge} outcome=${outcome} />` },
        { id: "attributes", label: t.attributes, render: ({ attributes }) => attributes.join(", ") || null },
        { id: "conflicts", label: t.leftAlone, render: (item) => conflicts(item) ?? null },
        { id: "reverts", label: t.revisions, width: "narrow", render: ({ reverts }) => reverts.join(", ") || null },
    ];
}

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
        { id: "attribute", label: t.attributes, render: (/** @type {any} */ { attribute }) => attribute ?? t.whole },
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
    return html`<${Actor} actor=${actor} /> (<${Link} to="/changes" query=${{ revision, open: revision }}>${revision}<//>)`;
}

/** A part of an array that grows on request, as a list for tables. @param {any[]} all @returns {import("../hooks.js").List} */
function usePart(all) {
    const [shown, setShown] = useState(SHOWN);
    const more = () => setShown(shown + SHOWN);
    const hasMore = all.length > shown;
    return { items: all.slice(0, shown), total: all.length, loading: false, error: null, hasMore, loadMore: more, reload: () => {} };
}

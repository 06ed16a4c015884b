import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { get, isAbort, request } from "../api.js";
import { newestRevision, revisionBefore } from "../change-counts.js";
import { ActorSelect, parseActor } from "../components/actor-select.js";
import { Button } from "../components/button.js";
import { Skeleton } from "../components/empty-state.js";
import { ErrorNotice } from "../components/error-notice.js";
import { Field, Form, Select } from "../components/form.js";
import { Page, Section } from "../components/page.js";
import { TimeField } from "../components/time-field.js";
import { useResource } from "../hooks.js";
import { setQuery, useLocation } from "../router.js";
import { texts } from "../texts.js";
import { BackLink, RevertPlan } from "../changes/revert-plan.js";

const t = texts.revert;
const BATCH = 50;

/** The names of the outcomes of more items are less precise. */
const MOST_STATUSES = 500;
const FIELDS = ["actor", "by", "since", "before", "after", "until"];

/** @typedef {Record<string, string>} Choice */
/** @typedef {{ after: number, until: number, actor: { type: string, id: string } }} Range What the API needs to know. */
/** @typedef {{ range: Range, result: any, statuses: Record<string, boolean> }} Plan With whether the users are active whose status it changes. */

/** Undoes what one actor did: choose, look at the plan, apply. */
export default function Revert() {
    const { query } = useLocation();
    const chosen = Object.fromEntries(FIELDS.map((name) => [name, query.get(name) ?? ""]));
    const planned = query.get("plan") !== null;
    const plan = usePlan(planned ? chosen : null);
    return html`
        <${Page} title=${t.title} lead=${t.lead} actions=${html`<${BackLink} actor=${parseActor(chosen.actor)} />`}>
            <${Choose} key=${JSON.stringify(chosen)} chosen=${chosen} busy=${plan.loading} again=${planned ? plan.again : null} />
            ${planned && html`<${Planned} plan=${plan} />`}
        <//>`;
}

/** @param {{ plan: ReturnType<typeof usePlan> }} props */
function Planned({ plan: { data, error, loading, again } }) {
    if (error) return html`<${ErrorNotice} error=${error} retry=${again} />`;
    if (loading || !data) return html`<${Section} title=${t.plan}><${Skeleton} lines=${8} /><//>`;
    return html`<${RevertPlan} key=${data.result.head} plan=${data} again=${again} />`;
}

/** @param {{ chosen: Choice, busy: boolean, again: (() => void) | null }} props */
function Choose({ chosen, busy, again }) {
    const [draft, setDraft] = useState(/** @type {Choice} */ ({ ...chosen, by: chosen.by || (chosen.after || chosen.until ? "revision" : "time") }));
    const set = (/** @type {string} */ name) => (/** @type {string} */ value) => setDraft({ ...draft, [name]: value });
    const byTime = draft.by === "time";
    const submit = () => {
        const unused = Object.fromEntries((byTime ? ["after", "until"] : ["since", "before"]).map((name) => [name, null]));
        const query = /** @type {Record<string, string | null>} */ ({ ...draft, ...unused, plan: "1" });
        const unchanged = again && FIELDS.every((name) => (query[name] ?? "") === chosen[name]);
        if (unchanged) again();
        else setQuery(query);
    };
    const number = { type: "number", inputmode: "numeric", min: 0 };
    const complete = draft.actor && (byTime ? draft.since : draft.after);
    return html`
        <${Section} title=${t.choose}>
            <${Form} onSubmit=${() => complete && !busy && submit()}>
                <div class="filters">
                    <${ActorSelect} label=${t.actor} value=${draft.actor} onInput=${set("actor")} none=${t.noActor} />
                    <${Select} label=${t.by} value=${draft.by} onInput=${set("by")} options=${Object.entries(t.ranges).map(([value, label]) => ({ value, label }))} />
                    ${byTime
                        ? html`<${TimeField} label=${t.since} value=${draft.since} onInput=${set("since")} />
                            <${TimeField} label=${t.before} hint=${t.beforeHint} value=${draft.before} onInput=${set("before")} />`
                        : html`<${Field} label=${t.after} hint=${t.afterHint} value=${draft.after} onInput=${set("after")} ...${number} />
                            <${Field} label=${t.until} hint=${t.untilHint} value=${draft.until} onInput=${set("until")} ...${number} />`}
                </div>
                <${StopFirst} actor=${parseActor(draft.actor)} />
                <div class="actions">
                    <${Button} kind="primary" type="submit" busy=${busy} disabled=${!complete}>${t.showPlan}<//>
                    <span class="muted small" role="status">${!complete && t.missing}</span>
                </div>
            <//>
        <//>`;
}

/** What to do before a revert. A held connection need not be stopped. @param {{ actor: { type: string, id: string } | null }} props */
function StopFirst({ actor }) {
    const { data } = useResource(actor?.type === "connection" ? `/connections/${actor.id}` : null);
    return html`<p class="hint">${data?.held ? t.held : t.stopFirst}</p>`;
}

/** The plan of a choice. Making a plan writes nothing, so a link to this view can make it. @param {Choice | null} choice */
function usePlan(choice) {
    const [state, setState] = useState({ data: /** @type {Plan | null} */ (null), error: /** @type {any} */ (null), loading: false });
    const [round, setRound] = useState(0);
    useEffect(() => {
        if (!choice) return;
        const controller = new AbortController();
        setState({ data: null, error: null, loading: true });
        planOf(choice, controller.signal).then(
            (data) => setState({ data, error: null, loading: false }),
            (error) => isAbort(error) || setState({ data: null, error, loading: false }),
        );
        return () => controller.abort();
    }, [JSON.stringify(choice), round]);
    return { ...state, again: () => setRound((value) => value + 1) };
}

/** @param {Choice} choice @param {AbortSignal} signal @returns {Promise<Plan>} */
async function planOf({ actor, by, since, before, after, until }, signal) {
    const byTime = by ? by === "time" : !after;
    const range = {
        after: byTime ? await revisionBefore(new Date(since), signal) : Number(after),
        until: await endOf(byTime ? before : "", byTime ? "" : until, signal),
        actor: /** @type {Range["actor"]} */ (parseActor(actor)),
    };
    const { data } = await request("/changes/revert", { method: "POST", body: { ...range, plan: true }, signal });
    return { range, result: data, statuses: await readStatuses(data.items, signal) };
}

/** Whether the users whose status a plan changes are active, because a plan contains no values. @param {any[]} items @param {AbortSignal} signal */
async function readStatuses(items, signal) {
    const ids = items.filter(({ outcome, attributes }) => outcome === "update" && attributes.includes("active")).map(({ id }) => `id eq "${id}"`);
    const batches = ids.length > MOST_STATUSES ? [] : Array.from({ length: Math.ceil(ids.length / BATCH) }, (_, i) => ids.slice(i * BATCH, (i + 1) * BATCH));
    const pages = await Promise.all(batches.map((batch) => get("/users", { filter: batch.join(" or "), attributes: "active", limit: BATCH }, signal)));
    return Object.fromEntries(pages.flatMap(({ data }) => data.items.map((/** @type {any} */ { id, active }) => [id, active])));
}

/** @param {string} time @param {string} revision @param {AbortSignal} signal */
async function endOf(time, revision, signal) {
    if (revision) return Number(revision);
    return time ? revisionBefore(new Date(time), signal) : newestRevision(signal);
}

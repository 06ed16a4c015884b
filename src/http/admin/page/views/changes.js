import { html, useEffect, useMemo, useRef, useState } from "../vendor/htm-preact.js";
import { get } from "../api.js";
import { useChangeList } from "../changes/list.js";
import { ActorSelect, actorValue } from "../components/actor-select.js";
import { ButtonLink } from "../components/button.js";
import { ChangeDetail, ChangedAttributes, ChangeTitle, meaningOf, Revisions } from "../components/change.js";
import { CopyValue } from "../components/copy.js";
import { EmptyState } from "../components/empty-state.js";
import { Filters } from "../components/filters.js";
import { Select } from "../components/form.js";
import { LiveBar, Log, useArrivals } from "../components/log.js";
import { Page } from "../components/page.js";
import { ResourceFilter } from "../components/picker.js";
import { Actor } from "../components/reference.js";
import { Period } from "../components/time-field.js";
import { Time } from "../components/time.js";
import { usePolling } from "../live.js";
import { href, Link, setQuery, useLocation } from "../router.js";
import { can } from "../session.js";
import { texts } from "../texts.js";

/** @typedef {import("../components/change.js").Change} Change */

const t = texts.changes;
const FILTERS = ["type", "resource", "actor", "since", "until", "revision"];
const WAIT_SECONDS = 25;
const PAUSE_MS = 500;
const REVERTED = ["user", "group", "member"];

/** A change may be recorded some seconds after its request has arrived. */
const MARGIN_MS = 30_000;

/** The types of the API that contain more than what can be asked for. @type {Record<string, string>} */
const TYPES = { "user.deactivated": "user.updated", "user.reactivated": "user.updated", "user.restored": "user.created", "group.restored": "group.created" };

/** What the API cannot filter can be rare. This reads 20,000 changes before the reader has to ask for more. */
const REQUESTS = 40;

/** The feed of changes, newest first. */
export default function Changes() {
    const filters = useFilters();
    const actions = can("admin") && html`<${ButtonLink} href=${href("/revert", { actor: filters.actor })}>${t.revert}<//>`;
    return html`
        <${Page} title=${t.title} lead=${t.lead} actions=${actions}>
            <${ChangeFilters} filters=${filters} />
            <${Feed} key=${JSON.stringify(filters)} filters=${filters} />
        <//>`;
}

/** @param {{ filters: Record<string, string> }} props */
function Feed({ filters }) {
    const [live, setLive] = useState(true);
    const { type: meaning, resource, actor, since, until, revision } = filters;
    const type = TYPES[meaning] ?? meaning;
    const searching = actor || type !== meaning;
    const accept = useMemo(() => (/** @type {Change} */ change) =>
        (!actor || actorValue(change.actor) === actor) && (type === meaning || meaningOf(change) === meaning), [actor, meaning]);
    const newest = revision ? Number(revision) : null;
    const list = useChangeList({ type, resource, accept, since, until, newest, requests: searching ? REQUESTS : undefined, key: JSON.stringify(filters) });
    const arrivals = useArrivals(keyOf);
    const canBeLive = !until && !newest;
    const failed = useFollow({ type, resource, accept, head: list.head, on: live && canBeLive, add: arrivals.add });

    const { waiting, shown } = arrivals;
    const items = useMemo(() => [...shown, ...list.items].sort((a, b) => b.revision - a.revision), [shown, list.items]);
    useEffect(() => void (waiting.length && !items.length && arrivals.show()), [waiting, items]);
    const empty = html`<${EmptyState} ...${FILTERS.some((name) => filters[name]) ? t.noMatch : t.none} />`;
    return html`<div>
        ${canBeLive && html`
            <${LiveBar} live=${live} setLive=${setLive} failed=${failed} show=${arrivals.show} waiting=${waiting.length ? t.waiting(waiting.length) : null} />`}
        <${Log} label=${t.title} className="change-log" list=${{ ...list, items }} keyOf=${keyOf} row=${row} empty=${empty}
            detail=${(/** @type {Change} */ change) => html`<${FeedDetail} change=${change} />`} />
        ${searching && list.position && list.hasMore && html`<p class="muted small" role="status">${t.searched(list.position.high + 1)}</p>`}
    </div>`;
}

const keyOf = (/** @type {Change} */ { revision }) => revision;

/**
 * Waits for changes after the head, as long as the feed is shown. Each response says where the next request continues.
 * @param {{ type: string, resource: string, accept: (change: Change) => boolean, head: number | null, on: boolean,
 *     add: (changes: Change[]) => void }} options
 */
function useFollow({ type, resource, accept, head, on, add }) {
    const position = useRef({ after: head });
    useEffect(() => {
        position.current.after ??= head;
    }, [head]);
    return usePolling(async (signal) => {
        const { data } = await get("/changes", { type, resource, after: position.current.after, wait: WAIT_SECONDS, limit: 500 }, signal);
        position.current.after = data.next;
        add(data.items.filter(accept).reverse());
    }, { on: on && head !== null, everyMs: PAUSE_MS });
}

/** @returns {Record<string, string>} */
function useFilters() {
    const { query } = useLocation();
    return Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? ""]));
}

/** @param {{ filters: Record<string, string> }} props */
function ChangeFilters({ filters }) {
    const change = (/** @type {Record<string, string | null>} */ values) => setQuery({ ...values, open: null, revision: null });
    const set = (/** @type {string} */ name) => (/** @type {string} */ value) => change({ [name]: value });
    const types = Object.entries(texts.changeTypes).filter(([type]) => can("admin") || !/^(key|connection)\./.test(type));
    const options = [{ value: "", label: t.allTypes }, ...types.map(([value, label]) => ({ value, label }))];
    return html`
        <${Filters} names=${FILTERS} values=${filters}>
            <${Select} label=${t.type} value=${filters.type} onInput=${set("type")} options=${options} />
            <${ResourceFilter} value=${filters.resource} onPick=${set("resource")} />
            ${can("admin") && html`<${ActorSelect} label=${t.actor} value=${filters.actor} onInput=${set("actor")} none=${t.allActors} />`}
            <${Period} since=${filters.since} until=${filters.until} set=${change} />
        <//>
        ${filters.revision && html`<p class="hint">${t.revisionHint(Number(filters.revision))}</p>`}`;
}

/** @param {Change} change @returns {[unknown, ...unknown[]]} */
function row(change) {
    return [
        html`<${Time} value=${change.time} form="precise" />`,
        html`<${ChangeTitle} change=${change} />`,
        html`<${ChangedAttributes} change=${change} />`,
        html`<${Actor} actor=${change.actor} />`,
    ];
}

/** What a change did, and which request made it. @param {{ change: Change }} props */
function FeedDetail({ change }) {
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

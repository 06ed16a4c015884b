import { html, useMemo, useState } from "../vendor/htm-preact.js";
import { useChangeList } from "../changes/list.js";
import { Badge } from "../components/badge.js";
import { Button, ButtonLink } from "../components/button.js";
import { meaningOf } from "../components/change.js";
import { EmptyState } from "../components/empty-state.js";
import { Section } from "../components/page.js";
import { Reference } from "../components/reference.js";
import { Table } from "../components/table.js";
import { Time } from "../components/time.js";
import { href, Link } from "../router.js";
import { texts } from "../texts.js";
import { ReleaseDialog } from "./held.js";

/** @typedef {import("../components/change.js").Change} Change */

const t = texts.removals;
const HOUR_MS = 3_600_000;
const DEFAULT_HOURS = 24;

/** Removals can be rare among many updates. */
const REQUESTS = 100;
const TYPES = "user.created,user.updated,user.deleted,group.created,group.deleted";

/** What a connection has deactivated and deleted within the period of its brake. @param {{ connection: any, onChange: () => void }} props */
export function Removals({ connection, onChange }) {
    const [releasing, setReleasing] = useState(false);
    const hours = connection.brake?.hours ?? DEFAULT_HOURS;
    const since = useMemo(() => periodStart(connection.held?.since, hours), [connection.held?.since, hours]);
    const list = useChangeList({
        type: TYPES, resource: "", since, until: "", newest: null, requests: REQUESTS, key: `${connection.id} ${since}`,
        accept: (change) => isReturn(change) || (change.actor.id === connection.id && isRemoval(change)),
    });
    const removals = useMemo(() => withReturns(list.items), [list.items]);
    const left = removals.filter(({ returned }) => !returned);
    const actions = html`
        ${left.length > 0 && html`<${ButtonLink} href=${revertLink(connection, left)}>${t.revert}<//>`}
        <${Button} onClick=${() => setReleasing(true)}>${connection.held ? texts.held.open : t.allowMore}<//>`;
    return html`
        <${Section} title=${t.title(hours)} actions=${actions}>
            ${removals.length && !left.length
                ? html`<p class="notice good section-lead">${t.undone}</p>`
                : html`<p class="muted section-lead">${t.lead}</p>`}
            <${Table} caption=${t.title(hours)} columns=${COLUMNS} list=${{ ...list, items: removals }} keyOf=${revisionOf}
                empty=${html`<${NoRemovals} list=${list} />`} />
        <//>
        ${releasing && html`<${ReleaseDialog} connection=${connection} onChange=${onChange} onClose=${() => setReleasing(false)} />`}`;
}

/** @param {{ list: import("../changes/list.js").ChangeList }} props */
function NoRemovals({ list }) {
    if (!list.hasMore) return html`<${EmptyState} title=${t.none} hint=${t.noneHint} />`;
    return html`<${EmptyState} title=${t.noneYet}><${Button} onClick=${list.loadMore}>${t.searchOn}<//><//>`;
}

const revisionOf = (/** @type {Change} */ { revision }) => revision;

/** @type {import("../components/table.js").Column[]} */
const COLUMNS = [
    { id: "resource", label: t.resource, render: ({ resource, id, before }) => html`<${Reference} type=${resource} id=${id} name=${before?.displayName ?? before?.userName} />` },
    { id: "what", label: t.what, width: "medium", render: ({ type }) => html`<${Badge} kind=${type === "user.updated" ? "warning" : "bad"}>${t.kinds[type]}<//>` },
    { id: "time", label: t.time, width: "medium", render: ({ revision, time }) => html`<${Link} to="/changes" query=${{ revision, open: revision }}><${Time} value=${time} form="precise" /><//>` },
    { id: "later", label: t.later, render: ({ returned }) => returned && html`
        <${Badge} kind="good">${returned.reverts ? t.reverted : t.returns[returned.type]}<//> <${Time} value=${returned.time} />` },
];

/** @param {Change} change */
const isRemoval = (change) => /deleted|deactivated/.test(meaningOf(change));

/** @param {Change} change */
const isReturn = (change) => /restored|reactivated/.test(meaningOf(change));

/**
 * The removals, each with the change that has undone it.
 * @param {Change[]} items Newest first. @returns {(Change & { returned?: Change })[]}
 */
function withReturns(items) {
    /** @type {Map<string | undefined, Change>} */
    const returns = new Map();
    return items.flatMap((change) => {
        if (!isReturn(change)) return [{ ...change, returned: returns.get(change.id) }];
        returns.set(change.id, change);
        return [];
    });
}

/** @param {string | undefined} held @param {number} hours */
function periodStart(held, hours) {
    const end = held ? new Date(held).getTime() : Date.now();
    return new Date(end - hours * HOUR_MS).toISOString();
}

/** The revert from the oldest to the newest of these changes. @param {any} connection @param {Change[]} items Newest first. */
function revertLink(connection, items) {
    const range = { after: items[items.length - 1].revision - 1, until: items[0].revision, plan: 1 };
    return href("/revert", { actor: `connection:${connection.id}`, ...range });
}

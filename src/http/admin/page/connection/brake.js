/** The brake of a connection: why it is held, and what it has removed. */
import { html, useMemo, useState } from "../vendor/htm-preact.js";
import { request } from "../api.js";
import { useChangeList } from "../changes/list.js";
import { Badge } from "../components/badge.js";
import { Button, ButtonLink } from "../components/button.js";
import { meaningOf } from "../components/change.js";
import { withoutApiHint } from "../components/connection-health.js";
import { Dialog } from "../components/dialog.js";
import { EmptyState } from "../components/empty-state.js";
import { ErrorNotice } from "../components/error-notice.js";
import { Field, Form, useId } from "../components/form.js";
import { Icon } from "../components/icon.js";
import { Section } from "../components/page.js";
import { Reference } from "../components/reference.js";
import { Table } from "../components/table.js";
import { revealTabs } from "../components/tabs.js";
import { Time } from "../components/time.js";
import { toast } from "../components/toasts.js";
import { useAction } from "../hooks.js";
import { href, hrefWith, Link } from "../router.js";
import { texts } from "../texts.js";

/** @typedef {import("../components/change.js").Change} Change */

const t = texts.held;
const { removals } = texts;
const HOUR_MS = 3_600_000;
const DEFAULT_HOURS = 24;

/** Removals can be rare among many updates. */
const REQUESTS = 100;
const TYPES = "user.created,user.updated,user.deleted,group.created,group.deleted";

/** Why a connection is held, and what to do. @param {{ connection: any, onChange: () => void }} props */
export function HeldNotice({ connection, onChange }) {
    const [releasing, setReleasing] = useState(false);
    const { reason, since } = connection.held;
    return html`
        <section class="notice bad held" aria-label=${t.title}>
            <${Icon} name="error" />
            <div class="notice-body stack">
                <h2>${t.title}</h2>
                <p>${withoutApiHint(reason)} ${t.since} <${Time} value=${since} form="precise" />.</p>
                <p>${t.advice}</p>
                <div class="actions">
                    <${ButtonLink} href=${hrefWith({ tab: "removals", open: null })} onClick=${revealTabs}>${t.showRemovals}<//>
                    <${ButtonLink} href=${hrefWith({ tab: null, note: "connection-held", open: null })} onClick=${revealTabs}>${t.showRefused}<//>
                    <${Button} kind="danger" onClick=${() => setReleasing(true)}>${t.open}<//>
                </div>
            </div>
            ${releasing && html`<${ReleaseDialog} connection=${connection} onChange=${onChange} onClose=${() => setReleasing(false)} />`}
        </section>`;
}

/** @param {{ connection: any, onChange: () => void, onClose: () => void }} props */
function ReleaseDialog({ connection, onChange, onClose }) {
    const { held } = connection;
    const [all, setAll] = useState(false);
    const [number, setNumber] = useState("");
    const { run, busy, error } = useAction(async () => {
        const allow = all ? null : Number(number);
        await request(`/connections/${connection.id}/release`, { method: "POST", body: { allow }, ifMatch: connection.version });
        toast(t.released(connection.name));
        onChange();
        onClose();
    });
    return html`
        <${Dialog} title=${(held ? t.releaseTitle : t.allowTitle)(connection.name)} onClose=${onClose}>
            <${Form} onSubmit=${() => !busy && run()}>
                <fieldset class="stack">
                    <legend class="visually-hidden">${t.allow}</legend>
                    <${Radio} label=${t.allowNumber} hint=${t.allowNumberHint} checked=${!all} onInput=${() => setAll(false)} />
                    ${!all && html`
                        <${Field} label=${t.number} type="number" inputmode="numeric" min="0" max="1000000" required autofocus
                            value=${number} onInput=${setNumber} />`}
                    <${Radio} label=${t.allowAll} hint=${t.allowAllHint} checked=${all} onInput=${() => setAll(true)} />
                </fieldset>
                <${ErrorNotice} error=${error} />
                <div class="dialog-actions">
                    <${Button} onClick=${onClose}>${texts.common.cancel}<//>
                    <${Button} kind="danger" type="submit" busy=${busy}>${held ? t.release : t.allowAction}<//>
                </div>
            <//>
        <//>`;
}

/** @param {{ label: string, hint: string, checked: boolean, onInput: () => void }} props */
function Radio({ label, hint, checked, onInput }) {
    const id = useId();
    return html`
        <div class="checkbox">
            <input type="radio" name="allow" id=${id} checked=${checked} onChange=${onInput} aria-describedby=${`${id}-hint`} />
            <div><label for=${id}>${label}</label><p id=${`${id}-hint`} class="hint">${hint}</p></div>
        </div>`;
}

/** What a connection has deactivated and deleted within the period of its brake. @param {{ connection: any, onChange: () => void }} props */
export function Removals({ connection, onChange }) {
    const [releasing, setReleasing] = useState(false);
    const hours = connection.brake?.hours ?? DEFAULT_HOURS;
    const since = useMemo(() => periodStart(connection.held?.since, hours), [connection.held?.since, hours]);
    const list = useChangeList({
        type: TYPES, resource: "", since, until: "", newest: null, requests: REQUESTS, key: `${connection.id} ${since}`,
        accept: (change) => isReturn(change) || (change.actor.id === connection.id && isRemoval(change)),
    });
    const items = useMemo(() => withReturns(list.items), [list.items]);
    const left = items.filter(({ returned }) => !returned);
    const actions = html`
        ${left.length > 0 && html`<${ButtonLink} href=${revertLink(connection, left)}>${removals.revert}<//>`}
        <${Button} onClick=${() => setReleasing(true)}>${connection.held ? t.open : removals.allowMore}<//>`;
    return html`
        <${Section} title=${removals.title(hours)} actions=${actions}>
            ${items.length && !left.length
                ? html`<p class="notice good section-lead">${removals.undone}</p>`
                : html`<p class="muted section-lead">${removals.lead}</p>`}
            <${Table} caption=${removals.title(hours)} columns=${COLUMNS} list=${{ ...list, items }} keyOf=${revisionOf}
                empty=${html`<${NoRemovals} list=${list} />`} />
        <//>
        ${releasing && html`<${ReleaseDialog} connection=${connection} onChange=${onChange} onClose=${() => setReleasing(false)} />`}`;
}

/** @param {{ list: import("../changes/list.js").ChangeList }} props */
function NoRemovals({ list }) {
    if (!list.hasMore) return html`<${EmptyState} title=${removals.none} hint=${removals.noneHint} />`;
    return html`<${EmptyState} title=${removals.noneYet}><${Button} onClick=${list.loadMore}>${removals.searchOn}<//><//>`;
}

const revisionOf = (/** @type {Change} */ { revision }) => revision;

/** @type {import("../components/table.js").Column[]} */
const COLUMNS = [
    { id: "resource", label: removals.resource, render: ({ resource, id, before }) => html`
        <${Reference} type=${resource} id=${id} name=${before?.displayName ?? before?.userName} />` },
    { id: "what", label: removals.what, width: "medium", render: ({ type }) => html`
        <${Badge} kind=${type === "user.updated" ? "warning" : "bad"}>${removals.kinds[type]}<//>` },
    { id: "time", label: removals.time, width: "medium", render: ({ revision, time }) => html`
        <${Link} to="/changes" query=${{ revision, open: revision }}><${Time} value=${time} form="precise" /><//>` },
    { id: "later", label: removals.later, render: ({ returned }) => returned && html`
        <${Badge} kind="good">${returned.reverts ? removals.reverted : removals.returns[returned.type]}<//> <${Time} value=${returned.time} form="relative" />` },
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

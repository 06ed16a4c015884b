import { html } from "../vendor/htm-preact.js";
import { request } from "../api.js";
import { differences } from "../attributes.js";
import { AsOfField } from "../components/as-of-field.js";
import { Button } from "../components/button.js";
import { Diff } from "../components/diff.js";
import { EmptyState, Skeleton } from "../components/empty-state.js";
import { ErrorNotice } from "../components/error-notice.js";
import { Section } from "../components/page.js";
import { Reference } from "../components/reference.js";
import { Time } from "../components/time.js";
import { toast } from "../components/toasts.js";
import { useAction, useList, useResource } from "../hooks.js";
import { can } from "../session.js";
import { texts } from "../texts.js";
import { nameOf } from "../user-search.js";
import { setActive } from "./actions.js";
import { addToGroup } from "./memberships.js";
import { patchOf, withDifference } from "./patch.js";
import { Profile } from "./profile.js";

/** @typedef {import("../attributes.js").Difference} Difference */
/** @typedef {import("../hooks.js").List} List */

const GROUPS = { limit: 500, attributes: "displayName" };

/**
 * A user at a time or revision, with what is different now and buttons to give it back. `user` is the present state, or
 * null if the user does not exist.
 * @param {{ id: string, at: string, user: any, changed?: (user: any) => void }} props
 */
export function AsOf({ id, at, user, changed }) {
    const { data: then, error } = useResource(`/users/${id}`, { at });
    const groupsThen = useList(`/users/${id}/groups`, { ...GROUPS, at });
    const groupsNow = useList(user ? `/users/${id}/groups` : null, GROUPS);
    return html`
        <${AsOfField} key=${at} />
        ${error?.status === 404 && html`<${EmptyState} title=${texts.user.asOf.unknown} hint=${texts.user.asOf.unknownHint} />`}
        ${error && error.status !== 404 && html`<${ErrorNotice} error=${error} />`}
        ${!then && !error && html`<${Skeleton} lines=${8} />`}
        ${then && user && html`<${Differences} then=${then} user=${user} groupsThen=${groupsThen} groupsNow=${groupsNow} changed=${changed} />`}
        ${then && html`
            <h2 class="as-of-title"><${Title} at=${at} then=${then} /></h2>
            <${Profile} user=${then} />
            <${GroupsThen} list=${groupsThen} />`}`;
}

/** @param {{ at: string, then: any }} props */
function Title({ at, then }) {
    if (at.includes("-")) return html`${texts.user.asOf.state} <${Time} value=${at} form="precise" />`;
    return html`${texts.user.asOf.afterRevision(at)} (<${Time} value=${then.updatedAt} form="precise" />)`;
}

/** @param {{ list: List }} props */
function GroupsThen({ list }) {
    return html`
        <${Section} title=${texts.user.asOf.groups}>
            <${ErrorNotice} error=${list.error} />
            ${!list.items.length && !list.loading && html`<p class="muted">${texts.user.asOf.noGroups}</p>`}
            <ul class="inline-list">${list.items.map(({ id, displayName }) => html`<li key=${id}><${Reference} type="group" id=${id} name=${displayName} /></li>`)}</ul>
            ${list.hasMore && html`<p class="muted">${texts.user.asOf.moreGroups}</p>`}
        <//>`;
}

/** @param {any[]} groups @param {any[]} others */
const without = (groups, others) => groups.filter(({ id }) => !others.some((other) => other.id === id));

/** @param {{ then: any, user: any, groupsThen: List, groupsNow: List, changed?: (user: any) => void }} props */
function Differences({ then, user, groupsThen, groupsNow, changed }) {
    const lost = without(groupsThen.items, groupsNow.items);
    const gained = without(groupsNow.items, groupsThen.items);
    const deactivated = then.active && !user.active;
    const reloadGroups = groupsNow.reload;
    const giveBack = useAction(async () => {
        for (const group of lost) await request(`/groups/${group.id}/members/${user.id}`, { method: "PUT" });
        if (deactivated) changed?.((await request(`/users/${user.id}`, { method: "PATCH", body: { active: true } })).data);
        reloadGroups();
        toast(texts.user.asOf.givenBack(nameOf(user)));
    });
    const restore = useAction((/** @type {Difference} */ difference) => restoreValue(user, difference, changed));
    const add = useAction((/** @type {any} */ group) => addToGroup(group, user.id, reloadGroups));
    const button = can("writer") && (deactivated || lost.length > 0) && html`
        <${Button} kind="primary" busy=${giveBack.busy} onClick=${() => giveBack.run()}>${texts.user.asOf.giveBack}<//>`;
    const loading = groupsThen.loading || groupsNow.loading;
    const same = !loading && !lost.length && !gained.length && !differences(then, user).length;
    return html`
        <${Section} title=${texts.user.asOf.differences} actions=${!loading && button}>
            <div class="stack">
                <${ErrorNotice} error=${giveBack.error ?? restore.error ?? add.error} />
                ${same && html`<p class="muted">${texts.user.asOf.same}</p>`}
                <${Diff} before=${then} after=${user} action=${(/** @type {Difference} */ difference) => html`
                    <${RestoreButton} difference=${difference} busy=${restore.busy} run=${restore.run} />`} />
                <${GroupChanges} title=${texts.user.asOf.lost} groups=${lost} add=${can("writer") ? add : null} />
                <${GroupChanges} title=${texts.user.asOf.gained} groups=${gained} add=${null} />
            </div>
        <//>`;
}

/** @param {any} user @param {Difference} difference @param {((user: any) => void) | undefined} changed */
async function restoreValue(user, { path, before }, changed) {
    if (path === "active") return setActive(user, before, (next) => changed?.(next));
    const body = patchOf(user, withDifference(user, path, before));
    const { data } = await request(`/users/${user.id}`, { method: "PATCH", body, ifMatch: user.version });
    changed?.(data);
    toast(texts.user.asOf.valueRestored);
}

/** The externalIds of connections can be written by these only. @param {{ difference: Difference, busy: boolean, run: (difference: Difference) => unknown }} props */
function RestoreButton({ difference, busy, run }) {
    const foreign = difference.path.startsWith("externalIds.") && difference.path !== "externalIds.native";
    if (!can("writer") || foreign) return null;
    const label = difference.path === "active" && difference.before ? texts.user.reactivate : texts.user.asOf.restoreValue;
    return html`<${Button} busy=${busy} onClick=${() => run(difference)}>${label}<//>`;
}

/** @param {{ title: string, groups: any[], add: { busy: boolean, run: (group: any) => unknown } | null }} props */
function GroupChanges({ title, groups, add }) {
    if (!groups.length) return null;
    return html`
        <div>
            <h3>${title}</h3>
            <ul class="rows">
                ${groups.map((group) => html`
                    <li key=${group.id}>
                        <${Reference} type="group" id=${group.id} name=${group.displayName} />
                        ${add && html`<${Button} busy=${add.busy} onClick=${() => add.run(group)}>${texts.user.history.addAgain(group.displayName)}<//>`}
                    </li>`)}
            </ul>
        </div>`;
}

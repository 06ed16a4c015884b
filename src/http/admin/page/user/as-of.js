import { html } from "../vendor/htm-preact.js";
import { Problem, request } from "../api.js";
import { differences } from "../attributes.js";
import { AsOfField } from "../components/as-of-field.js";
import { Button } from "../components/button.js";
import { Diff } from "../components/diff.js";
import { EmptyState, Skeleton } from "../components/empty-state.js";
import { ErrorNotice } from "../components/error-notice.js";
import { focusHeading, Section } from "../components/page.js";
import { Reference } from "../components/reference.js";
import { Time } from "../components/time.js";
import { toast } from "../components/toasts.js";
import { addWithUndo } from "../group/membership.js";
import { useAction, useList, useResource } from "../hooks.js";
import { hrefWith } from "../router.js";
import { can } from "../session.js";
import { texts } from "../texts.js";
import { nameOf, personOf } from "../user-search.js";
import { setActive } from "./actions.js";
import { patchOf, withDifference } from "./patch.js";
import { Profile } from "./profile.js";

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
        <${Failure} error=${error} />
        ${!then && !error && html`<${Skeleton} lines=${8} />`}
        ${then && user && html`
            <${ChangedSince} then=${then} user=${user} groupsThen=${groupsThen} groupsNow=${groupsNow} changed=${changed} />`}
        ${then && html`
            <h2 class="as-of-title"><${Title} at=${at} then=${then} /></h2>
            <${Profile} user=${then} />
            <${GroupsThen} list=${groupsThen} />`}`;
}

/** @param {{ error: import("../api.js").Problem | null }} props */
function Failure({ error }) {
    if (error?.status !== 404) return html`<${ErrorNotice} error=${error} />`;
    return html`<${EmptyState} title=${texts.user.asOf.unknown} hint=${texts.user.asOf.unknownHint} />`;
}

/** @param {{ at: string, then: any }} props */
function Title({ at, then }) {
    if (at.includes("-")) return html`${texts.user.asOf.state} <${Time} value=${at} form="precise" />`;
    return html`${texts.user.asOf.afterRevision(at)} (<${Time} value=${then.updatedAt} form="precise" />)`;
}

/** @param {{ list: List }} props */
function GroupsThen({ list: { items, loading, error, hasMore } }) {
    const links = items.map(({ id, displayName }) => html`<li key=${id}><${Reference} type="group" id=${id} name=${displayName} /></li>`);
    return html`
        <${Section} title=${texts.user.asOf.groups}>
            <${ErrorNotice} error=${error} />
            ${!items.length && !loading && html`<p class="muted">${texts.user.asOf.noGroups}</p>`}
            <ul class="inline-list">${links}</ul>
            ${hasMore && html`<p class="muted">${texts.user.asOf.moreGroups}</p>`}
        <//>`;
}

/** @typedef {import("../attributes.js").Difference} Difference */
/** @typedef {(user: any) => void} Changed */

/** Whether an identity provider manages the user. @param {any} user */
const isProvisioned = ({ externalIds }) => Object.keys(externalIds).some((source) => source !== "native");

/** Of a value in the label of a button. */
const LONGEST_LABEL = 30;

/** @param {any[]} groups @param {any[]} others */
const without = (groups, others) => groups.filter(({ id }) => !others.some((other) => other.id === id));

/**
 * What has changed since a point in the past, with buttons to give back what was lost.
 * @param {{ then: any, user: any, groupsThen: List, groupsNow: List, changed?: Changed }} props
 */
export function ChangedSince({ then, user, groupsThen, groupsNow, changed = () => {} }) {
    const lost = without(groupsThen.items, groupsNow.items);
    const gained = without(groupsNow.items, groupsThen.items);
    const deactivated = then.active && !user.active;
    const giveBack = useAction(() => giveAccessBack(user, lost, deactivated, changed).finally(groupsNow.reload));
    const restore = useAction((/** @type {Difference} */ difference) => restoreValue(user, difference, changed));
    const add = useAction((/** @type {any} */ group) => addWithUndo(group, [personOf(user)], groupsNow.reload));
    const known = !groupsThen.loading && !groupsNow.loading;
    const same = known && !lost.length && !gained.length && !differences(then, user).length;
    const button = known && can("writer") && (deactivated || lost.length > 0) && html`
        <${Button} kind="primary" busy=${giveBack.busy} onClick=${() => giveBack.run().then(focusHeading)}>${texts.user.asOf.giveBack}<//>`;
    const action = (/** @type {Difference} */ difference) => html`
        <${RestoreButton} difference=${difference} busy=${restore.busy} run=${restore.run} />`;
    return html`
        <${Section} title=${texts.user.asOf.differences} actions=${button}>
            <div class="stack">
                <${ErrorNotice} error=${giveBack.error ?? restore.error ?? add.error} />
                ${button && user.active && isProvisioned(user) && html`<p class="muted">${texts.user.provider}</p>`}
                ${same && html`<p class="muted">${texts.user.asOf.same}</p>`}
                <${Diff} before=${then} after=${user} action=${action} />
                <${GroupChanges} title=${texts.user.asOf.lost} groups=${lost} add=${can("writer") ? add : null} />
                <${GroupChanges} title=${texts.user.asOf.gained} groups=${gained} add=${null} />
                <p><a href=${hrefWith({ at: null, tab: "history" })}>${texts.user.asOf.history}</a></p>
            </div>
        <//>`;
}

/**
 * Reactivates the user and adds it to the groups. If a group has been deleted, the others are still restored.
 * @param {any} user @param {any[]} groups @param {boolean} reactivate @param {Changed} changed
 */
async function giveAccessBack(user, groups, reactivate, changed) {
    /** @type {{ group: any, problem: Problem }[]} */
    const failures = [];
    for (const group of groups) {
        await request(`/groups/${group.id}/members/${user.id}`, { method: "PUT" }).catch((problem) => failures.push({ group, problem }));
    }
    if (reactivate) changed((await request(`/users/${user.id}`, { method: "PATCH", body: { active: true } })).data);
    if (failures.length) throw notAdded(failures);
    toast(texts.user.asOf.givenBack(nameOf(user)), { about: `/users/${user.id}` });
}

/** @param {{ group: any, problem: Problem }[]} failures */
function notAdded(failures) {
    const { body, status, detail } = failures[0].problem;
    const names = failures.map(({ group }) => group.displayName);
    return new Problem({ ...body, status, detail: texts.user.asOf.notAdded(names, detail) });
}

/** @param {any} user @param {Difference} difference @param {Changed} changed */
async function restoreValue(user, { path, before }, changed) {
    if (path === "active") return setActive(user, before, changed);
    const body = patchOf(user, withDifference(user, path, before));
    changed((await request(`/users/${user.id}`, { method: "PATCH", body, ifMatch: user.version })).data);
    toast(texts.user.asOf.valueRestored, { about: `/users/${user.id}` });
}

/**
 * The externalIds of connections can be written by these only.
 * @param {{ difference: Difference, busy: boolean, run: (difference: Difference) => Promise<unknown> }} props
 */
function RestoreButton({ difference, busy, run }) {
    const { path, before } = difference;
    const foreign = path.startsWith("externalIds.") && path !== "externalIds.native";
    if (!can("writer") || foreign) return null;
    const name = path === "active" ? texts.users.inactive : before;
    const named = typeof name === "string" && name.length <= LONGEST_LABEL ? texts.user.asOf.restoreNamed(name) : texts.user.asOf.restoreValue;
    const label = path === "active" && before ? texts.user.reactivate : named;
    return html`<${Button} busy=${busy} onClick=${() => run(difference).then(focusHeading)}>${label}<//>`;
}

/** @param {{ title: string, groups: any[], add: { busy: boolean, run: (group: any) => Promise<unknown> } | null }} props */
function GroupChanges({ title, groups, add }) {
    if (!groups.length) return null;
    const button = (/** @type {any} */ group) => add && html`
        <${Button} busy=${add.busy} onClick=${() => add.run(group).then(focusHeading)}>${texts.user.history.addAgain(group.displayName)}<//>`;
    return html`
        <div>
            <h3>${title}</h3>
            <ul class="rows">
                ${groups.map((group) => html`
                    <li key=${group.id}><${Reference} type="group" id=${group.id} name=${group.displayName} />${button(group)}</li>`)}
            </ul>
        </div>`;
}

import { html } from "../vendor/htm-preact.js";
import { Problem, request } from "../api.js";
import { differences } from "../attributes.js";
import { Button } from "../components/button.js";
import { Diff } from "../components/diff.js";
import { ErrorNotice } from "../components/error-notice.js";
import { focusHeading, Section } from "../components/page.js";
import { Reference } from "../components/reference.js";
import { toast } from "../components/toasts.js";
import { useAction } from "../hooks.js";
import { hrefWith } from "../router.js";
import { can } from "../session.js";
import { texts } from "../texts.js";
import { nameOf, personOf } from "../user-search.js";
import { addWithUndo } from "../group/membership.js";
import { setActive } from "./actions.js";
import { patchOf, withDifference } from "./patch.js";

/** @typedef {import("../attributes.js").Difference} Difference */
/** @typedef {import("../hooks.js").List} List */
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
 * Gives back as much as possible: a group that has been deleted does not keep the user from the others.
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

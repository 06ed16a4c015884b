import { html } from "../vendor/htm-preact.js";
import { AsOfField } from "../components/as-of-field.js";
import { Button } from "../components/button.js";
import { ErrorNotice } from "../components/error-notice.js";
import { ChangeEntry, HistoryList, revertedBy } from "../components/history.js";
import { focusHeading } from "../components/page.js";
import { Reference } from "../components/reference.js";
import { addWithUndo } from "../group/membership.js";
import { useAction, useList } from "../hooks.js";
import { useName } from "../name-cache.js";
import { hrefWith } from "../router.js";
import { can } from "../session.js";
import { texts } from "../texts.js";
import { personOf } from "../user-search.js";
import { setActive } from "./actions.js";

const LIMIT = 30;

/**
 * The changes of a user and of its memberships, newest first. Losses of access that still apply have a button to give
 * it back. `user` is null if it does not exist. Of an erased user, no state is known.
 * @param {{ id: string, user: any, erased?: boolean, changed?: (user: any) => void }} props
 */
export function History({ id, user, erased = false, changed }) {
    const list = useList(`/users/${id}/changes`, { limit: LIMIT });
    const { items, reload } = list;
    const repair = useAction(repairs(user, (next) => {
        changed?.(next);
        reload();
    }));
    const run = (/** @type {Repair} */ choice, /** @type {string} */ name) => repair.run(choice, name).then(focusHeading);
    const entry = (/** @type {any} */ change, /** @type {number} */ i) => html`
        <${Change} key=${change.revision} change=${change} userId=${id} revertedBy=${revertedBy(items, change.revision)}
            repair=${user && can("writer") && repairOf(items, i)} run=${run} busy=${repair.busy} />`;
    return html`
        ${!erased && items.length > 0 && html`<${AsOfField} />`}
        <${ErrorNotice} error=${repair.error} />
        <${HistoryList} list=${list} none=${texts.user.history.none} entry=${entry} />`;
}

/** @typedef {{ kind: "active" } | { kind: "group", groupId: string }} Repair */

/** How to give back what a change took away, unless a newer change has. @param {any[]} items @param {number} i @returns {Repair | null} */
function repairOf(items, i) {
    const { type, groupId, after } = items[i];
    const newer = items.slice(0, i);
    if (type === "member.removed") return newer.some((row) => row.groupId === groupId) ? null : { kind: "group", groupId };
    if (type !== "user.updated" || after?.active !== false) return null;
    return newer.some((row) => row.after?.active !== undefined) ? null : { kind: "active" };
}

/** @param {any} user @param {(user: any) => void} changed */
const repairs = (user, changed) => (/** @type {Repair} */ repair, /** @type {string} */ name) => {
    if (repair.kind === "active") return setActive(user, true, changed);
    return addWithUndo({ id: repair.groupId, displayName: name }, [personOf(user)], () => changed(user));
};

/**
 * A change in the history of a user.
 * @param {{ change: any, userId: string, revertedBy?: number, repair: Repair | null, busy: boolean,
 *     run: (repair: Repair, name: string) => void }} props
 */
export function Change({ change, userId, revertedBy, repair, busy, run }) {
    const { revision, groupId, erased, type } = change;
    const group = groupId && html` <${Reference} type="group" id=${groupId} />`;
    const state = !erased && type !== "user.erased" && html`
        <a href=${hrefWith({ at: revision })} title=${texts.user.history.stateAfter}>${texts.user.history.state}</a>`;
    const action = html`
        ${repair?.kind === "active" && html`<${Button} busy=${busy} onClick=${() => run(repair, "")}>${texts.user.reactivate}<//>`}
        ${repair?.kind === "group" && html`
            <${AddAgain} groupId=${repair.groupId} busy=${busy} run=${(/** @type {string} */ name) => run(repair, name)} />`}`;
    return html`
        <${ChangeEntry} change=${change} words=${texts.user.history} subject=${group} action=${action} link=${state}
            resource=${groupId ?? userId} revertedBy=${revertedBy} />`;
}

/** @param {{ groupId: string, busy: boolean, run: (name: string) => void }} props */
function AddAgain({ groupId, busy, run }) {
    const name = useName("group", groupId) ?? texts.user.history.thisGroup;
    return html`<${Button} busy=${busy} onClick=${() => run(name)}>${texts.user.history.addAgain(name)}<//>`;
}

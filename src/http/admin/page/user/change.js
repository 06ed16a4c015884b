import { html } from "../vendor/htm-preact.js";
import { Button } from "../components/button.js";
import { ChangeEntry } from "../components/change-entry.js";
import { Reference } from "../components/reference.js";
import { useName } from "../name-cache.js";
import { hrefWith } from "../router.js";
import { texts } from "../texts.js";

/** @typedef {import("./history.js").Repair} Repair */

/** @type {Record<string, { kind: string, text: string }>} */
const MEANINGS = {
    "user.created": { kind: "good", text: texts.user.history.created },
    "user.deleted": { kind: "bad", text: texts.user.history.deleted },
    "user.erased": { kind: "bad", text: texts.user.history.erased },
    "member.added": { kind: "good", text: texts.user.history.added },
    "member.removed": { kind: "warning", text: texts.user.history.removed },
};

/** What a change means for the person. @param {any} change */
function meaningOf({ type, version, before, after }) {
    if (type === "user.created" && version > 1) return { kind: "good", text: texts.user.history.restored };
    if (type !== "user.updated") return MEANINGS[type] ?? { kind: "neutral", text: type };
    if (before?.active === undefined || before.active === after?.active) return { kind: "neutral", text: texts.user.history.updated };
    return after.active ? { kind: "good", text: texts.user.history.reactivated } : { kind: "warning", text: texts.user.history.deactivated };
}

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
        <${ChangeEntry} change=${change} ...${meaningOf(change)} subject=${group} action=${action} link=${state}
            resource=${groupId ?? userId} revertedBy=${revertedBy} />`;
}

/** @param {{ groupId: string, busy: boolean, run: (name: string) => void }} props */
function AddAgain({ groupId, busy, run }) {
    const name = useName("group", groupId) ?? texts.user.history.thisGroup;
    return html`<${Button} busy=${busy} onClick=${() => run(name)}>${texts.user.history.addAgain(name)}<//>`;
}

import { html } from "../vendor/htm-preact.js";
import { Button } from "../components/button.js";
import { EmptyState } from "../components/empty-state.js";
import { ErrorNotice } from "../components/error-notice.js";
import { Picker } from "../components/picker.js";
import { Table } from "../components/table.js";
import { addWithUndo, removeWithUndo } from "../group/membership.js";
import { groupSources } from "../group-search.js";
import { useAction, useList } from "../hooks.js";
import { Link } from "../router.js";
import { can } from "../session.js";
import { texts } from "../texts.js";
import { personOf } from "../user-search.js";

/** The groups of a user, with a search to add the user to another one. @param {{ user: any }} props */
export function Groups({ user }) {
    const list = useList(`/users/${user.id}/groups`, { include: "total", attributes: "displayName" });
    const add = useAction((/** @type {any} */ group) => addWithUndo(group, [personOf(user)], list.reload));
    const remove = useAction((/** @type {any} */ group) => removeWithUndo(group, personOf(user), list.reload));
    const empty = html`<${EmptyState} title=${texts.user.groups.none} hint=${can("writer") && texts.user.groups.noneHint} />`;
    return html`
        <div class="stack">
            ${can("writer") && html`<${AddToGroup} groups=${list.items} action=${add} />`}
            <${ErrorNotice} error=${add.error ?? remove.error} />
            <div><${Table} caption=${texts.user.groups.title} columns=${columnsOf(remove)} list=${list} empty=${empty} /></div>
        </div>`;
}

/** @param {{ groups: any[], action: { run: (group: any) => Promise<boolean>, busy: boolean } }} props */
function AddToGroup({ groups, action }) {
    const note = (/** @type {any} */ { id }) => (groups.some((group) => group.id === id) ? texts.user.groups.alreadyMember : null);
    return html`
        <${Picker} label=${texts.user.groups.add} search=${groupSources} note=${note} busy=${action.busy} onPick=${action.run}
            render=${(/** @type {any} */ group) => group.displayName} />`;
}

/** @param {{ run: (group: any) => Promise<boolean>, busy: boolean }} remove @returns {import("../components/table.js").Column[]} */
function columnsOf(remove) {
    const name = (/** @type {any} */ { id, displayName }) => html`<${Link} to=${`/groups/${id}`}>${displayName}<//>`;
    const button = (/** @type {any} */ group) => html`
        <${Button} kind="quiet" busy=${remove.busy} onClick=${() => remove.run(group)} aria-label=${texts.user.groups.removeFrom(group.displayName)}>
            ${texts.user.groups.remove}
        <//>`;
    return [
        { id: "name", label: texts.user.groups.name, render: name },
        ...(can("writer") ? [{ id: "remove", label: texts.user.groups.action, width: /** @type {const} */ ("narrow"), render: button }] : []),
    ];
}

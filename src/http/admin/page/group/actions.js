import { html, useState } from "../vendor/htm-preact.js";
import { request } from "../api.js";
import { Button, ButtonLink } from "../components/button.js";
import { Confirm } from "../components/dialog.js";
import { toast, undoable } from "../components/toasts.js";
import { hrefWith } from "../router.js";
import { can } from "../session.js";
import { texts } from "../texts.js";

/** Restores a deleted group with its members. @param {string} id @returns {Promise<import("./deleted.js").Restored>} */
export async function restoreGroup(id) {
    const { data } = await request(`/groups/${id}/restore`, { method: "POST" });
    return data.restored;
}

/**
 * The buttons in the heading of a group.
 * @param {{ group: any, onDeleted: () => void, onRestored: (result: any) => void, reload: () => void }} props
 */
export function Actions({ group, onDeleted, onRestored, reload }) {
    const [deleting, setDeleting] = useState(false);
    if (!can("writer")) return null;
    const restore = async () => {
        onRestored(await restoreGroup(group.id));
        reload();
    };
    return html`
        <${ButtonLink} href=${hrefWith({ edit: 1 })}>${texts.group.edit}<//>
        <${Button} kind="danger" onClick=${() => setDeleting(true)}>${texts.group.delete}<//>
        ${deleting && html`
            <${Deletion} group=${group} onDeleted=${onDeleted} restore=${restore} onClose=${() => setDeleting(false)} />`}`;
}

/** @param {{ group: any, onDeleted: () => void, restore: () => Promise<void>, onClose: () => void }} props */
function Deletion({ group, onDeleted, restore, onClose }) {
    const { id, displayName, memberCount } = group;
    const remove = async () => {
        const path = `/groups/${id}`;
        await request(path, { method: "DELETE" });
        if (can("admin")) undoable(texts.group.deleted(displayName), path, restore, onDeleted);
        else toast(texts.group.deleted(displayName));
        onDeleted();
    };
    return html`
        <${Confirm} title=${texts.group.deleteTitle(displayName)} action=${texts.group.delete} danger onConfirm=${remove} onClose=${onClose}>
            <p>${texts.group.deleteHint(memberCount)}</p>
        <//>`;
}

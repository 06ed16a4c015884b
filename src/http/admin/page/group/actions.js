import { html, useState } from "../vendor/htm-preact.js";
import { request } from "../api.js";
import { Button, ButtonLink } from "../components/button.js";
import { Confirm } from "../components/dialog.js";
import { toast } from "../components/toasts.js";
import { hrefWith } from "../router.js";
import { can } from "../session.js";
import { texts } from "../texts.js";
import { reportFailure } from "./membership.js";
import { restoreGroup } from "./restore.js";

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
        await request(`/groups/${id}`, { method: "DELETE" });
        const undo = { label: texts.common.undo, run: () => void restore().catch(reportFailure) };
        toast(texts.group.deleted(displayName), can("admin") ? { action: undo } : {});
        onDeleted();
    };
    return html`
        <${Confirm} title=${texts.group.deleteTitle(displayName)} action=${texts.group.delete} danger onConfirm=${remove} onClose=${onClose}>
            <p>${texts.group.deleteHint(memberCount)}</p>
        <//>`;
}

import { html } from "../vendor/htm-preact.js";
import { request } from "../api.js";
import { Button } from "../components/button.js";
import { texts } from "../texts.js";

/** @typedef {{ members: string[], missingMembers: string[] }} Restored */

/** Restores a deleted group with its members. @param {string} id @returns {Promise<Restored>} */
export async function restoreGroup(id) {
    const { data } = await request(`/groups/${id}/restore`, { method: "POST" });
    return data.restored;
}

/** What a restore has brought back. @param {{ restored: Restored, onClose: () => void }} props */
export function RestoredNotice({ restored: { members, missingMembers }, onClose }) {
    return html`
        <div class=${`notice ${missingMembers.length ? "warning" : "good"}`} role="status">
            <div class="notice-body">
                <p>${texts.group.restored(members.length)}</p>
                ${missingMembers.length > 0 && html`<p>${texts.group.missingMembers(missingMembers.length)}</p>`}
            </div>
            <${Button} kind="quiet" onClick=${onClose}>${texts.common.close}<//>
        </div>`;
}

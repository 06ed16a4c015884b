import { html } from "../vendor/htm-preact.js";
import { request } from "../api.js";
import { Button } from "../components/button.js";
import { Reference } from "../components/reference.js";
import { texts } from "../texts.js";

/** @typedef {{ groups: string[], missingGroups: string[] }} Restored */

/** Restores a deleted user. The result contains `restored`. @param {string} id */
export async function restoreUser(id) {
    const { data } = await request(`/users/${id}/restore`, { method: "POST" });
    return data;
}

/** What a restore has brought back. @param {{ restored: Restored, onClose: () => void }} props */
export function RestoredNotice({ restored: { groups, missingGroups }, onClose }) {
    return html`
        <div class=${`notice ${missingGroups.length ? "warning" : "good"}`} role="status">
            <div class="notice-body">
                <p>${texts.user.restored(groups.length)}</p>
                <${GroupNames} ids=${groups} />
                ${missingGroups.length > 0 && html`<p>${texts.user.missingGroups(missingGroups.length)}</p><${GroupNames} ids=${missingGroups} />`}
            </div>
            <${Button} kind="quiet" onClick=${onClose}>${texts.common.close}<//>
        </div>`;
}

const MOST_NAMED = 20;

/** @param {{ ids: string[] }} props */
export function GroupNames({ ids }) {
    if (!ids.length) return null;
    return html`
        <ul class="inline-list">
            ${ids.slice(0, MOST_NAMED).map((id) => html`<li key=${id}><${Reference} type="group" id=${id} /></li>`)}
            ${ids.length > MOST_NAMED && html`<li class="muted">${texts.user.andMore(ids.length - MOST_NAMED)}</li>`}
        </ul>`;
}

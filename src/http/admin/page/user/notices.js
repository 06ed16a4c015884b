import { html } from "../vendor/htm-preact.js";
import { Button } from "../components/button.js";
import { Actor, Reference } from "../components/reference.js";
import { Time } from "../components/time.js";
import { useResource } from "../hooks.js";
import { hrefWith } from "../router.js";
import { texts } from "../texts.js";

const CHANGES_SEARCHED = 100;

/** Since when a user is deactivated, and who did it, if a recent change says so. @param {{ user: any }} props */
export function DeactivatedNotice({ user }) {
    const { data, loading } = useResource(`/users/${user.id}/changes`, { limit: CHANGES_SEARCHED });
    const change = data?.items.find((/** @type {any} */ { after }) => after?.active === false);
    return html`
        <div class="notice warning access">
            <p class="notice-body">
                ${change && html`
                    ${texts.user.deactivatedBy} <${Actor} actor=${change.actor} within /> ${texts.common.on}${" "}
                    <${Time} value=${change.time} form="precise" />.${" "}
                    ${change.actor.type === "connection" && `${texts.user.provider} `}`}
                ${!change && !loading && `${texts.user.isDeactivated} `}
                <a href=${hrefWith({ tab: "history", at: null })}>${texts.user.history.show}</a>
            </p>
        </div>`;
}

/** @typedef {{ groups: string[], missingGroups: string[] }} Restored */

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

import { html } from "../vendor/htm-preact.js";
import { Actor } from "../components/actor.js";
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

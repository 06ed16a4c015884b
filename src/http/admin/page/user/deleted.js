import { html, useState } from "../vendor/htm-preact.js";
import { Badge } from "../components/badge.js";
import { Button } from "../components/button.js";
import { EmptyState } from "../components/empty-state.js";
import { ErrorNotice } from "../components/error-notice.js";
import { Loading } from "../components/loading.js";
import { Page } from "../components/page.js";
import { Actor } from "../components/reference.js";
import { Time } from "../components/time.js";
import { useAction, useResource } from "../hooks.js";
import { Link, useLocation } from "../router.js";
import { can } from "../session.js";
import { texts } from "../texts.js";
import { nameOf } from "../user-search.js";
import { Erasure, restoreUser } from "./actions.js";
import { AsOf } from "./as-of.js";
import { Content } from "./content.js";
import { GroupNames } from "./notices.js";

/**
 * A user that does not exist: its last known state, if it was deleted.
 * @param {{ id: string, restored: (user: any) => void }} props
 */
export function Deleted({ id, restored }) {
    const { data, error, reload } = useResource(`/users/${id}/changes`, { limit: 50 });
    if (error?.status === 404) return html`<${Unknown} />`;
    if (!data) return html`<${Loading} error=${error} retry=${reload} />`;
    const deletion = data.items.find((/** @type {any} */ row) => row.type === "user.deleted");
    const last = deletion?.before;
    if (!last) return html`<${Erased} id=${id} change=${deletion ?? data.items[0]} />`;
    const user = { ...last, id, version: deletion.version };
    return html`<${LastState} user=${user} deletion=${deletion} groups=${groupsOf(data.items, deletion)} restored=${restored} reload=${reload} />`;
}

/** The groups that the user left with the deletion. @param {any[]} changes @param {any} deletion @returns {string[]} */
const groupsOf = (changes, { requestId }) =>
    changes.filter((change) => change.type === "member.removed" && change.requestId === requestId).map(({ groupId }) => groupId);

function Unknown() {
    return html`
        <${Page} title=${texts.user.unknown}>
            <${EmptyState} title=${texts.user.unknown} hint=${texts.user.unknownHint}>
                <${Link} class="button" to="/users">${texts.user.toUsers}<//>
            <//>
        <//>`;
}

/** @param {{ change: any }} props */
const DeletedBy = ({ change: { actor, time } }) => html`
    ${texts.user.deletedBy} <${Actor} actor=${actor} within /> ${texts.common.on} <${Time} value=${time} form="precise" />.`;

/** Of an erased user, only the times of the changes are known. @param {{ id: string, change: any }} props */
function Erased({ id, change }) {
    return html`
        <${Page} title=${texts.user.erasedTitle} lead=${texts.user.erasedHint}>
            <div class="notice"><p><${DeletedBy} change=${change} /></p></div>
            <${Content} user=${null} id=${id} only="history" />
        <//>`;
}

/** @param {{ user: any, deletion: any, groups: string[], restored: (user: any) => void, reload: () => void }} props */
function LastState({ user, deletion, groups, restored, reload }) {
    const restore = useAction(() => restoreUser(user.id).then(restored));
    const at = useLocation().query.get("at");
    const [erasing, setErasing] = useState(false);
    const actions = can("admin") && html`
        <${Button} kind="primary" busy=${restore.busy} onClick=${() => restore.run()}>${texts.user.restore}<//>
        <${Button} kind="danger" onClick=${() => setErasing(true)}>${texts.user.erase}<//>
        ${erasing && html`<${Erasure} id=${user.id} name=${user.userName} onClose=${() => setErasing(false)} erased=${reload} />`}`;
    return html`
        <${Page} title=${nameOf(user)} lead=${html`<${Badge} kind="bad">${texts.user.isDeleted}<//> ${user.userName}`} actions=${actions}>
            <div class="stack">
                <div class="notice warning">
                    <div class="notice-body">
                        <p><${DeletedBy} change=${deletion} /> ${can("admin") ? texts.user.restoreHint : texts.user.restoreRole}</p>
                        ${groups.length > 0 && html`<p>${texts.user.groupsAtDeletion}</p><${GroupNames} ids=${groups} />`}
                    </div>
                </div>
                <${ErrorNotice} error=${restore.error} holder="user" />
                <div>${at ? html`<${AsOf} id=${user.id} at=${at} user=${null} />` : html`<${Content} user=${user} id=${user.id} deleted />`}</div>
            </div>
        <//>`;
}

import { html } from "../vendor/htm-preact.js";
import { Badge } from "../components/badge.js";
import { Button } from "../components/button.js";
import { EmptyState } from "../components/empty-state.js";
import { ErrorNotice } from "../components/error-notice.js";
import { Loading } from "../components/loading.js";
import { Page, Section } from "../components/page.js";
import { Actor } from "../components/reference.js";
import { Time } from "../components/time.js";
import { useAction, useList, useResource } from "../hooks.js";
import { Link } from "../router.js";
import { can } from "../session.js";
import { texts } from "../texts.js";
import { restoreGroup } from "./actions.js";
import { Details } from "./details.js";
import { History } from "./history.js";
import { FormerMembers } from "./members-as-of.js";

/** A group that does not exist: its last known state, if it was deleted. @param {{ id: string, onRestored: (result: any) => void }} props */
export function Deleted({ id, onRestored }) {
    const { data, error, reload } = useResource(`/groups/${encodeURIComponent(id)}/changes`, { limit: 1 });
    const deletion = data?.items[0];
    if (error?.status === 404) return html`<${Unknown} />`;
    if (!deletion) return html`<${Loading} error=${error} retry=${reload} />`;
    return html`<${LastState} id=${id} deletion=${deletion} onRestored=${onRestored} />`;
}

function Unknown() {
    return html`
        <${Page} title=${texts.group.unknown}>
            <${EmptyState} title=${texts.group.unknown} hint=${texts.group.unknownHint}>
                <${Link} class="button" to="/groups">${texts.group.toGroups}<//>
            <//>
        <//>`;
}

/** @param {{ id: string, deletion: any, onRestored: (result: any) => void }} props */
function LastState({ id, deletion, onRestored }) {
    const { run, busy, error } = useAction(async () => onRestored(await restoreGroup(id)));
    // The deletion removes the members, and does not record them.
    const members = useList(`/groups/${id}/members`, { at: deletion.revision - 1, include: "total" });
    const actions = can("admin") && html`<${Button} kind="primary" busy=${busy} onClick=${() => run()}>${texts.group.restore}<//>`;
    const lead = html`<${Badge} kind="bad">${texts.group.isDeleted}<//>`;
    return html`
        <${Page} title=${deletion.before?.displayName ?? id} lead=${lead} actions=${actions}>
            <div class="stack">
                <div class="notice warning">
                    <p class="notice-body">
                        ${texts.group.deletedBy} <${Actor} actor=${deletion.actor} within /> ${texts.common.on}${" "}
                        <${Time} value=${deletion.time} form="precise" />.${" "}${can("admin") ? texts.group.restoreHint : texts.group.restoreRole}
                    </p>
                </div>
                <${ErrorNotice} error=${error} holder="group" />
                ${deletion.before && html`<${Details} group=${{ ...deletion.before, id, version: deletion.version }} />`}
                <${Section} title=${texts.group.membersAtDeletion}><${FormerMembers} list=${members} /><//>
                <${Section} title=${texts.group.history.title}><${History} id=${id} /><//>
            </div>
        <//>`;
}

/** @typedef {{ members: string[], missingMembers: string[] }} Restored */

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

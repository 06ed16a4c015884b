import { html } from "../vendor/htm-preact.js";
import { ChangeEntry, HistoryList, revertedBy } from "../components/history.js";
import { Reference } from "../components/reference.js";
import { useList } from "../hooks.js";
import { hrefWith } from "../router.js";
import { texts } from "../texts.js";

const LIMIT = 30;

/** The changes of a group and of its memberships, newest first. @param {{ id: string }} props */
export function History({ id }) {
    const list = useList(`/groups/${id}/changes`, { limit: LIMIT });
    const entry = (/** @type {any} */ change) => html`
        <${ChangeEntry} key=${change.revision} change=${change} words=${texts.group.history} resource=${id}
            subject=${change.userId && html` <${Reference} type="user" id=${change.userId} />`}
            link=${change.type !== "group.deleted" && html`<a href=${hrefWith({ tab: null, at: change.revision })}>${texts.group.history.membersAfter}</a>`}
            revertedBy=${revertedBy(list.items, change.revision)} />`;
    return html`<${HistoryList} list=${list} none=${texts.group.history.none} entry=${entry} />`;
}

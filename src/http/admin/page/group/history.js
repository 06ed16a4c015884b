import { html } from "../vendor/htm-preact.js";
import { ChangeEntry } from "../components/change-entry.js";
import { HistoryList, revertedBy } from "../components/history.js";
import { Reference } from "../components/reference.js";
import { useList } from "../hooks.js";
import { hrefWith } from "../router.js";
import { texts } from "../texts.js";

const LIMIT = 30;

/** @type {Record<string, { kind: string, text: string }>} */
const MEANINGS = {
    "group.created": { kind: "good", text: texts.group.history.created },
    "group.updated": { kind: "neutral", text: texts.group.history.updated },
    "group.deleted": { kind: "bad", text: texts.group.history.deleted },
    "member.added": { kind: "good", text: texts.group.history.added },
    "member.removed": { kind: "warning", text: texts.group.history.removed },
};

/** What a change means for the group. @param {any} change */
function meaningOf({ type, version }) {
    if (type === "group.created" && version > 1) return { kind: "good", text: texts.group.history.restored };
    return MEANINGS[type] ?? { kind: "neutral", text: type };
}

/** The changes of a group and of its memberships, newest first. @param {{ id: string }} props */
export function History({ id }) {
    const list = useList(`/groups/${id}/changes`, { limit: LIMIT });
    const entry = (/** @type {any} */ change) => html`
        <${ChangeEntry} key=${change.revision} change=${change} ...${meaningOf(change)} resource=${id}
            subject=${change.userId && html` <${Reference} type="user" id=${change.userId} />`}
            link=${change.type !== "group.deleted" && html`<a href=${hrefWith({ tab: null, at: change.revision })}>${texts.group.history.membersAfter}</a>`}
            revertedBy=${revertedBy(list.items, change.revision)} />`;
    return html`<${HistoryList} list=${list} none=${texts.group.history.none} entry=${entry} />`;
}

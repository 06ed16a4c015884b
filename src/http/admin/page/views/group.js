import { html, useState } from "../vendor/htm-preact.js";
import { Loading } from "../components/loading.js";
import { Page } from "../components/page.js";
import { Tabs, useTab } from "../components/tabs.js";
import { Actions } from "../group/actions.js";
import { Deleted, RestoredNotice } from "../group/deleted.js";
import { Details } from "../group/details.js";
import { GroupForm } from "../group/group-form.js";
import { History } from "../group/history.js";
import { Members } from "../group/members.js";
import { MembersAsOf } from "../group/members-as-of.js";
import { useResource } from "../hooks.js";
import { learnNames } from "../name-cache.js";
import { setQuery, useLocation } from "../router.js";
import { can } from "../session.js";
import { texts } from "../texts.js";

const TABS = [
    { id: "members", label: texts.group.members },
    { id: "details", label: texts.group.details },
    { id: "history", label: texts.group.history.title },
];

/** A group: its members, at present or at a point in the past, its attributes and its history. @param {{ id: string }} props */
export default function Group({ id }) {
    const { data: group, error, reload } = useResource(`/groups/${encodeURIComponent(id)}`, { include: "externalIdSources" });
    const [restored, setRestored] = useState(/** @type {any} */ (null));
    const showRestored = (/** @type {any} */ result) => {
        setRestored(result);
        reload();
    };
    if (error?.status === 404) return html`<${Deleted} id=${id} onRestored=${showRestored} />`;
    if (!group) return html`<${Loading} error=${error} retry=${reload} />`;
    learnNames("connection", group.externalIdSources);
    return html`<${Existing} group=${group} reload=${reload} restored=${restored} onRestored=${setRestored} />`;
}

/** @param {{ group: any, reload: () => void, restored: any, onRestored: (result: any) => void }} props */
function Existing({ group, reload, restored, onRestored }) {
    const { query } = useLocation();
    const at = query.get("at");
    const tab = useTab(TABS);
    const deleted = () => {
        onRestored(null);
        reload();
    };
    const actions = html`<${Actions} group=${group} onDeleted=${deleted} onRestored=${onRestored} reload=${reload} />`;
    return html`
        <${Page} title=${group.displayName ?? group.id} lead=${texts.group.memberCount(group.memberCount)} actions=${actions}>
            ${restored && html`<${RestoredNotice} restored=${restored} onClose=${() => onRestored(null)} />`}
            <${Tabs} label=${texts.group.tabs} tabs=${TABS} />
            ${tab === "members" && !at && html`<${Members} group=${group} changed=${reload} />`}
            ${tab === "members" && at && html`<${MembersAsOf} key=${at} group=${group} at=${at} changed=${reload} />`}
            ${tab === "details" && html`<${Details} group=${group} />`}
            ${tab === "history" && html`<${History} id=${group.id} />`}
            ${query.has("edit") && can("writer") && html`
                <${GroupForm} group=${group} onSaved=${reload} onClose=${() => setQuery({ edit: null }, { replace: true })} />`}
        <//>`;
}

import { html } from "../vendor/htm-preact.js";
import { ButtonLink } from "../components/button.js";
import { Finder } from "../components/finder.js";
import { Page } from "../components/page.js";
import { Time } from "../components/time.js";
import { GROUP_ATTRIBUTES } from "../filter-language.js";
import { GroupForm } from "../group/group-form.js";
import { groupSources } from "../group-search.js";
import { hrefWith, Link, navigate, setQuery, useLocation } from "../router.js";
import { can } from "../session.js";
import { texts } from "../texts.js";

/** @param {any} group */
const nameLink = (group) => html`<${Link} to=${`/groups/${group.id}`}>${group.displayName ?? group.id}<//>`;
/** @param {string} name */
const time = (name) => (/** @type {any} */ group) => html`<${Time} value=${group[name]} />`;

/** @type {import("../components/finder.js").AttributeColumn[]} */
const COLUMNS = [
    { id: "name", label: texts.groups.name, attributes: "displayName", sort: "displayName", render: nameLink },
    {
        id: "members", label: texts.groups.members, attributes: "memberCount", numeric: true, width: "narrow",
        render: ({ memberCount }) => texts.common.integer(memberCount),
    },
    { id: "externalId", label: texts.groups.externalId, attributes: "externalId", render: ({ externalId }) => externalId },
    { id: "created", label: texts.groups.created, attributes: "createdAt", sort: "createdAt", width: "medium", render: time("createdAt") },
    { id: "updated", label: texts.groups.updated, attributes: "updatedAt", sort: "updatedAt", width: "medium", render: time("updatedAt") },
    { id: "id", label: texts.groups.id, attributes: "id", width: "wide", render: ({ id }) => html`<code>${id}</code>` },
];

const DEFAULT_COLUMNS = ["name", "members", "externalId", "updated"];

/** All groups, searched as the user types or filtered with the filter language. */
export default function Groups() {
    const creating = useLocation().query.has("new");
    const actions = can("writer") && html`
        <${ButtonLink} kind="primary" icon="add" href=${hrefWith({ new: 1 })}>${texts.groups.create}<//>`;
    const created = (/** @type {any} */ group) => navigate(`/groups/${group.id}`, {}, { replace: true });
    return html`
        <${Page} title=${texts.groups.title} actions=${actions}>
            <${Finder} path="/groups" columns=${COLUMNS} defaults=${DEFAULT_COLUMNS} attributes=${GROUP_ATTRIBUTES}
                search=${groupSources} words=${texts.groups} />
            ${creating && can("writer") && html`
                <${GroupForm} onClose=${() => setQuery({ new: null }, { replace: true })} onSaved=${created} />`}
        <//>`;
}

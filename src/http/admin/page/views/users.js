import { html } from "../vendor/htm-preact.js";
import { Badge } from "../components/badge.js";
import { ButtonLink } from "../components/button.js";
import { Finder } from "../components/finder.js";
import { Page } from "../components/page.js";
import { Time } from "../components/time.js";
import { USER_ATTRIBUTES } from "../filter-language.js";
import { href, Link } from "../router.js";
import { can } from "../session.js";
import { texts } from "../texts.js";
import { emailOf, nameOf, searchSources } from "../user-search.js";

/** @param {any} user */
const nameLink = (user) => html`<${Link} to=${`/users/${user.id}`}>${nameOf(user)}<//>`;
/** @param {any} user */
const status = ({ active }) => html`<${Badge} kind=${active ? "good" : "warning"}>${active ? texts.users.active : texts.users.inactive}<//>`;
/** @param {string} name */
const time = (name) => (/** @type {any} */ user) => html`<${Time} value=${user[name]} />`;
/** @param {string} name */
const text = (name) => (/** @type {any} */ user) => user[name];
/** @param {string} name */
const enterprise = (name) => (/** @type {any} */ user) => user.enterprise?.[name];

/** @type {import("../components/finder.js").AttributeColumn[]} */
const COLUMNS = [
    { id: "name", label: texts.users.name, attributes: "displayName,name,userName", sort: "displayName", render: nameLink },
    { id: "userName", label: texts.users.userName, attributes: "userName", sort: "userName", render: text("userName") },
    { id: "email", label: texts.users.email, attributes: "emails", render: emailOf },
    { id: "status", label: texts.users.status, attributes: "active", width: "narrow", render: status },
    { id: "title", label: texts.users.jobTitle, attributes: "title", render: text("title") },
    { id: "department", label: texts.users.department, attributes: "enterprise.department", render: enterprise("department") },
    { id: "employeeNumber", label: texts.users.employeeNumber, attributes: "enterprise.employeeNumber", render: enterprise("employeeNumber") },
    { id: "externalId", label: texts.users.externalId, attributes: "externalId", render: text("externalId") },
    { id: "created", label: texts.users.created, attributes: "createdAt", sort: "createdAt", width: "medium", render: time("createdAt") },
    { id: "updated", label: texts.users.updated, attributes: "updatedAt", sort: "updatedAt", width: "medium", render: time("updatedAt") },
    { id: "id", label: texts.users.id, attributes: "id", width: "wide", render: ({ id }) => html`<code>${id}</code>` },
];

const DEFAULT_COLUMNS = ["name", "userName", "email", "status", "updated"];

/** All users, searched as the user types or filtered with the filter language. */
export default function Users() {
    const actions = can("writer") && html`<${ButtonLink} kind="primary" icon="add" href=${href("/users/new")}>${texts.users.create}<//>`;
    return html`
        <${Page} title=${texts.users.title} actions=${actions}>
            <${Finder} path="/users" columns=${COLUMNS} defaults=${DEFAULT_COLUMNS} attributes=${USER_ATTRIBUTES}
                search=${searchSources} words=${texts.users} />
        <//>`;
}

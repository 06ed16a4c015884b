import { html } from "../vendor/htm-preact.js";
import { Badge } from "../components/badge.js";
import { Button } from "../components/button.js";
import { ColumnChooser, useColumns } from "../components/columns.js";
import { EmptyState } from "../components/empty-state.js";
import { FilterField } from "../components/filter-field.js";
import { Page } from "../components/page.js";
import { SearchField } from "../components/search-field.js";
import { Table } from "../components/table.js";
import { Time } from "../components/time.js";
import { USER_ATTRIBUTES } from "../filter-language.js";
import { useLists } from "../hooks.js";
import { Link, setQuery, useLocation } from "../router.js";
import { texts } from "../texts.js";
import { emailOf, nameOf, searchSources } from "../user-search.js";

const LIMIT = 50;
const DEFAULT_SORT = "displayName";

/** @param {any} user */
const nameLink = (user) => html`<${Link} to=${`/users/${user.id}`}>${nameOf(user)}<//>`;
/** @param {any} user */
const status = ({ active }) => html`<${Badge} kind=${active ? "good" : "neutral"}>${active ? texts.users.active : texts.users.inactive}<//>`;
/** @param {string} name */
const time = (name) => (/** @type {any} */ user) => html`<${Time} value=${user[name]} />`;
/** @param {string} name */
const text = (name) => (/** @type {any} */ user) => user[name];
/** @param {string} name */
const enterprise = (name) => (/** @type {any} */ user) => user.enterprise?.[name];

/** Columns with the attributes that they need. @type {(import("../components/table.js").Column & { attributes: string })[]} */
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
    const { query } = useLocation();
    const search = query.get("search") ?? "";
    const filter = query.get("filter") ?? "";
    const filtering = query.get("mode") === "filter" || filter !== "";
    const shown = useColumns(COLUMNS, DEFAULT_COLUMNS);
    const sort = query.get("sort");
    const list = useLists(sources({ search, filter, sort, shown }));
    const searchField = html`<${SearchField} label=${texts.users.search} value=${search} onSearch=${applySearch} />`;
    const filterField = html`
        <${FilterField} path="/users" attributes=${USER_ATTRIBUTES} value=${filter} error=${list.error} onApply=${applyFilter} />`;
    return html`
        <${Page} title=${texts.users.title}>
            <div class="toolbar">
                <div class="grow">${filtering ? filterField : searchField}</div>
                <${Button} icon="filter" aria-pressed=${filtering} onClick=${() => switchMode(!filtering)}>${texts.users.filter}<//>
                <${ColumnChooser} all=${COLUMNS} shown=${shown} defaults=${DEFAULT_COLUMNS} />
            </div>
            <${Results} list=${list} columns=${shown} sort=${sort ?? (search ? "" : DEFAULT_SORT)} search=${search} filter=${filter} />
        <//>`;
}

/** @param {{ search: string, filter: string, sort: string | null, shown: typeof COLUMNS }} choice */
function sources({ search, filter, sort, shown }) {
    const attributes = [...new Set(shown.flatMap((column) => column.attributes.split(",")))].join(",");
    const text = search.trim();
    if (text && !filter) return searchSources(text, sort, { limit: LIMIT, attributes });
    // Some filters match too many users to be counted in time, so only the whole list has a total.
    const include = filter ? null : "total";
    return [{ path: "/users", query: { limit: LIMIT, attributes, filter, include, sort: sort ?? DEFAULT_SORT } }];
}

const applySearch = (/** @type {string} */ search) => setQuery({ search }, { replace: true });
const applyFilter = (/** @type {string} */ filter) => setQuery({ filter, mode: "filter" });
const switchMode = (/** @type {boolean} */ filtering) => setQuery({ mode: filtering ? "filter" : null, search: null, filter: null });

/** @param {{ list: import("../hooks.js").List, columns: typeof COLUMNS, sort: string, search: string, filter: string }} props */
function Results({ list, columns, sort, search, filter }) {
    const order = (/** @type {string} */ next) => setQuery({ sort: next });
    const empty = html`<${NoUsers} search=${search} filter=${filter} />`;
    // The filter field shows the error at its position.
    if (list.error?.code === "invalid-filter") return html`<${EmptyState} ...${texts.users.invalid} />`;
    return html`<${Table} caption=${texts.users.title} columns=${columns} list=${list} sort=${sort} onSort=${order} empty=${empty} />`;
}

/** @param {{ search: string, filter: string }} props */
function NoUsers({ search, filter }) {
    if (filter) return html`<${EmptyState} ...${texts.users.noFilterMatch} />`;
    return html`<${EmptyState} ...${search ? texts.users.noMatch(search) : texts.users.none} />`;
}

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

/** Columns with the attributes that they need. @type {(import("../components/table.js").Column & { attributes: string })[]} */
const COLUMNS = [
    { id: "name", label: texts.users.name, sort: "displayName", attributes: "displayName,name,userName", render: (user) => html`<${Link} to=${`/users/${user.id}`}>${nameOf(user)}<//>` },
    { id: "userName", label: texts.users.userName, sort: "userName", attributes: "userName", render: ({ userName }) => userName },
    { id: "email", label: texts.users.email, attributes: "emails", render: emailOf },
    { id: "status", label: texts.users.status, width: "narrow", attributes: "active", render: ({ active }) => html`<${Status} active=${active} />` },
    { id: "title", label: texts.users.jobTitle, attributes: "title", render: ({ title }) => title },
    { id: "department", label: texts.users.department, attributes: "enterprise.department", render: ({ enterprise }) => enterprise?.department },
    { id: "employeeNumber", label: texts.users.employeeNumber, attributes: "enterprise.employeeNumber", render: ({ enterprise }) => enterprise?.employeeNumber },
    { id: "externalId", label: texts.users.externalId, attributes: "externalId", render: ({ externalId }) => externalId },
    { id: "created", label: texts.users.created, sort: "createdAt", attributes: "createdAt", width: "medium", render: ({ createdAt }) => html`<${Time} value=${createdAt} />` },
    { id: "updated", label: texts.users.updated, sort: "updatedAt", attributes: "updatedAt", width: "medium", render: ({ updatedAt }) => html`<${Time} value=${updatedAt} />` },
    { id: "id", label: texts.users.id, attributes: "id", render: ({ id }) => html`<code>${id}</code>` },
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
    return html`
        <${Page} title=${texts.users.title}>
            <div class="toolbar">
                <div class="grow">${filtering
                    ? html`<${FilterField} path="/users" attributes=${USER_ATTRIBUTES} value=${filter} error=${list.error} onApply=${applyFilter} />`
                    : html`<${SearchField} label=${texts.users.search} value=${search} onSearch=${applySearch} />`}</div>
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
    // The filter field shows this error at its position.
    if (list.error?.code === "invalid-filter") return html`<${EmptyState} title=${texts.users.invalidFilter} hint=${texts.users.invalidFilterHint} />`;
    const empty = search || filter
        ? html`<${EmptyState} title=${texts.users.noMatch(search || filter)} hint=${search ? texts.users.noMatchHint : texts.users.noFilterMatchHint} />`
        : html`<${EmptyState} title=${texts.users.none} hint=${texts.users.noneHint} />`;
    const order = (/** @type {string} */ next) => setQuery({ sort: next });
    return html`<${Table} caption=${texts.users.title} columns=${columns} list=${list} sort=${sort} onSort=${order} empty=${empty} />`;
}

/** @param {{ active: boolean }} props */
function Status({ active }) {
    return active ? html`<${Badge} kind="good">${texts.users.active}<//>` : html`<${Badge}>${texts.users.inactive}<//>`;
}

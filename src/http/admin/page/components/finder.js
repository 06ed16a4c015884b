import { html } from "../vendor/htm-preact.js";
import { useLists } from "../hooks.js";
import { Link, setQuery, useLocation } from "../router.js";
import { texts } from "../texts.js";
import { Button } from "./button.js";
import { ColumnChooser, useColumns } from "./columns.js";
import { EmptyState } from "./empty-state.js";
import { FilterField } from "./filter-field.js";
import { SearchField } from "./search-field.js";
import { Table } from "./table.js";

/** @typedef {import("./table.js").Column & { attributes: string }} AttributeColumn A column with the attributes that it needs. */
/** @typedef {{ title: string, hint: string }} Hint */
/**
 * @typedef {object} FinderTexts
 * @property {string} title
 * @property {string} search
 * @property {Hint} none
 * @property {(search: string) => Hint} noMatch
 * @property {Hint} noFilterMatch
 * @property {[label: string, type: string]} deleted Leads to the changes that deleted something.
 * @property {[label: string, filter: string][]} examples Filters, or their beginnings.
 */
/** @typedef {(text: string, sort: string | null, parameters: import("../hooks.js").Parameters) => import("../hooks.js").Source[]} Search */
/**
 * @typedef {object} FinderProps
 * @property {string} path
 * @property {AttributeColumn[]} columns
 * @property {string[]} defaults Ids of the columns shown by default.
 * @property {import("../filter-language.js").Attributes} attributes Those that a filter can use.
 * @property {Search} search The lists that contain the matches of a search.
 * @property {FinderTexts} words
 */

const LIMIT = 50;
const DEFAULT_SORT = "displayName";

/** A list that is searched as the user types, or filtered with the filter language. @param {FinderProps} props */
export function Finder({ path, columns, defaults, attributes, search, words }) {
    const { query } = useLocation();
    const text = query.get("search") ?? "";
    const filter = query.get("filter") ?? "";
    const filtering = query.get("mode") === "filter" || filter !== "";
    const sort = query.get("sort");
    const shown = useColumns(columns, defaults);
    const list = useLists(sources({ path, search, text, filter, sort, shown }));
    const searchField = html`<${SearchField} label=${words.search} value=${text} onSearch=${applySearch} />`;
    const filterField = html`
        <${FilterField} path=${path} attributes=${attributes} value=${filter} error=${list.error} examples=${words.examples} onApply=${applyFilter} />`;
    return html`
        <div class="toolbar">
            <div class="grow">${filtering ? filterField : searchField}</div>
            <${Button} icon="filter" aria-pressed=${filtering} onClick=${() => switchMode(!filtering)}>${texts.filter.label}<//>
            <${ColumnChooser} all=${columns} shown=${shown} defaults=${defaults} />
        </div>
        <${Results} list=${list} columns=${shown} sort=${sort ?? (text ? "" : DEFAULT_SORT)} text=${text} filter=${filter} words=${words} />`;
}

/**
 * @param {{ path: string, search: Search, text: string, filter: string, sort: string | null, shown: AttributeColumn[] }} choice
 * @returns {import("../hooks.js").Source[]}
 */
function sources({ path, search, text, filter, sort, shown }) {
    const attributes = [...new Set(shown.flatMap((column) => column.attributes.split(",")))].join(",");
    if (text.trim() && !filter) return search(text.trim(), sort, { limit: LIMIT, attributes });
    // Some filters match too many resources to be counted in time, so only the whole list has a total.
    const include = filter ? null : "total";
    return [{ path, query: { limit: LIMIT, attributes, filter, include, sort: sort ?? DEFAULT_SORT } }];
}

const applySearch = (/** @type {string} */ search) => setQuery({ search }, { replace: true });
const applyFilter = (/** @type {string} */ filter) => setQuery({ filter, mode: "filter" });
const switchMode = (/** @type {boolean} */ filtering) => setQuery({ mode: filtering ? "filter" : null, search: null, filter: null });

/**
 * @param {{ list: import("../hooks.js").List, columns: AttributeColumn[], sort: string, text: string, filter: string,
 *     words: FinderTexts }} props
 */
function Results({ list, columns, sort, text, filter, words }) {
    const order = (/** @type {string} */ next) => setQuery({ sort: next });
    const nothing = filter ? words.noFilterMatch : text ? words.noMatch(text) : words.none;
    const [label, type] = words.deleted;
    const empty = html`<${EmptyState} ...${nothing}>${(text || filter) && html`<${Link} class="button" to="/changes" query=${{ type }}>${label}<//>`}<//>`;
    // The filter field shows the error at its position.
    if (list.error?.code === "invalid-filter") return html`<${EmptyState} ...${texts.filter.invalid} />`;
    return html`<${Table} caption=${words.title} columns=${columns} list=${list} sort=${sort} onSort=${order} empty=${empty} />`;
}

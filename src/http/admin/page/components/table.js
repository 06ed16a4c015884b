import { html, useEffect, useMemo, useRef } from "../vendor/htm-preact.js";
import { texts } from "../texts.js";
import { Button } from "./button.js";
import { ErrorNotice } from "./error-notice.js";
import { Icon } from "./icon.js";

/**
 * @typedef {object} Column
 * @property {string} id
 * @property {string} label
 * @property {(item: any) => unknown} render
 * @property {string} [sort] The attribute to sort by, if the API can.
 * @property {boolean} [numeric]
 * @property {"narrow" | "medium" | "wide"} [width] Otherwise, the column shares the remaining width.
 */

const SKELETON_ROWS = 10;

/**
 * A table of one list. The first column should contain the link to the item. `empty` is shown if there is nothing.
 * @param {{ caption: string, columns: Column[], list: import("../hooks.js").List, empty: unknown,
 *     sort?: string, onSort?: (sort: string) => void, keyOf?: (item: any) => string | number }} props
 */
export function Table({ caption, columns, list, empty, sort, onSort, keyOf = (item) => item.id }) {
    const { items, loading, error, reload } = list;
    useFocusAfterRemoval(items);
    if (error && !items.length) return html`<${ErrorNotice} error=${error} retry=${reload} />`;
    if (!items.length && !loading) return empty;
    return html`
        <div class="table-scroll" tabindex="0" role="region" aria-label=${caption}>
            <table aria-busy=${loading}>
                <caption class="visually-hidden">${caption}</caption>
                <thead>
                    <tr>${columns.map((column) => html`<${Heading} key=${column.id} column=${column} sort=${sort} onSort=${onSort} />`)}</tr>
                </thead>
                <tbody>
                    ${items.length
                        ? items.map((item) => html`<${Row} key=${keyOf(item)} item=${item} columns=${columns} />`)
                        : html`<${SkeletonRows} columns=${columns} />`}
                </tbody>
            </table>
        </div>
        <${LoadMore} list=${list} />`;
}

/** A row that disappears takes the focus with it. The heading of the view receives it, so that the keyboard stays there. @param {any[]} items */
function useFocusAfterRemoval(items) {
    const first = useRef(true);
    useEffect(() => {
        if (!first.current && document.activeElement === document.body) document.querySelector("h1")?.focus({ preventScroll: true });
        first.current = false;
    }, [items]);
}

/** @param {{ column: Column, sort?: string, onSort?: (sort: string) => void }} props */
function Heading({ column, sort, onSort }) {
    const { label, sort: attribute } = column;
    const className = classOf(column);
    if (!attribute || !onSort) return html`<th scope="col" class=${className}>${label}</th>`;
    const ascending = sort === attribute;
    const descending = sort === `-${attribute}`;
    return html`
        <th scope="col" class=${className} aria-sort=${ascending ? "ascending" : descending ? "descending" : undefined}>
            <button type="button" class="sort" onClick=${() => onSort(ascending ? `-${attribute}` : attribute)}>
                ${label}<${Icon} name=${descending ? "down" : "up"} />
            </button>
        </th>`;
}

/**
 * A click anywhere in a row follows the link in its first cell, which is what keyboards and screen readers use. Text can
 * still be selected.
 * @param {MouseEvent & { currentTarget: HTMLTableRowElement, target: Element }} event
 */
function follow(event) {
    if (event.target.closest("a, button, input, label") || getSelection()?.type === "Range") return;
    event.currentTarget.cells[0].querySelector("a")?.dispatchEvent(new MouseEvent("click", event));
}

/** @param {{ item: any, columns: Column[] }} props */
function Row({ item, columns }) {
    // The same row is not compared again, which matters while the user types into a search.
    const cells = () => columns.map((column) => html`<${Cell} key=${column.id} column=${column} item=${item} />`);
    return useMemo(() => html`<tr onClick=${follow}>${cells()}</tr>`, [item, columns]);
}

/** Long texts are cut off, so they are also in a tooltip. @param {{ column: Column, item: any }} props */
function Cell({ column, item }) {
    const content = column.render(item) ?? "—";
    return html`<td class=${classOf(column)} title=${typeof content === "string" ? content : undefined}>${content}</td>`;
}

/** @param {{ columns: Column[] }} props */
function SkeletonRows({ columns }) {
    const row = columns.map((column) => html`<td key=${column.id} class=${classOf(column)}><div class="skeleton" /></td>`);
    return Array.from({ length: SKELETON_ROWS }, (_, i) => html`<tr key=${i} aria-hidden="true">${row}</tr>`);
}

/** @param {Column} column */
const classOf = ({ numeric, width }) => [numeric && "numeric", width].filter(Boolean).join(" ");

/** The end of a list: how much is shown, and a button for the next page. @param {{ list: import("../hooks.js").List }} props */
export function LoadMore({ list }) {
    const { items, total, loading, error, hasMore, loadMore } = list;
    return html`
        <div class="load-more">
            <${ErrorNotice} error=${error} />
            <p role="status">${items.length > 0 && texts.common.shown(items.length, total, hasMore)}</p>
            ${hasMore && html`<${Button} busy=${loading} onClick=${loadMore}>${texts.common.loadMore}<//>`}
        </div>`;
}

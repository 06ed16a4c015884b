import { html } from "../vendor/htm-preact.js";
import { EmptyState, Skeleton } from "./empty-state.js";
import { ErrorNotice } from "./error-notice.js";
import { LoadMore } from "./table.js";

const day = new Intl.DateTimeFormat("en", { dateStyle: "full" });

/**
 * The changes of one resource, newest first, by day. `entry` renders one of them.
 * @param {{ list: import("../hooks.js").List, none: string, entry: (change: any, i: number) => unknown }} props
 */
export function HistoryList({ list, none, entry }) {
    const { items, loading, error, reload } = list;
    if (error && !items.length) return html`<${ErrorNotice} error=${error} retry=${reload} />`;
    if (!items.length) return loading ? html`<${Skeleton} lines=${8} />` : html`<${EmptyState} title=${none} />`;
    return html`
        <ol class="history" aria-busy=${loading}>
            ${items.map((change, i) => html`
                ${dayOf(change) !== dayOf(items[i - 1]) && html`<li key=${dayOf(change)} class="history-day"><h2>${dayOf(change)}</h2></li>`}
                ${entry(change, i)}`)}
        </ol>
        <${LoadMore} list=${list} />`;
}

/** @param {any} change */
const dayOf = (change) => change && day.format(new Date(change.time));

/** The revision that reverts another one, as far as the list has it. @param {any[]} items @param {number} revision @returns {number | undefined} */
export const revertedBy = (items, revision) => items.find(({ reverts }) => reverts?.includes(revision))?.revision;

import { html, useState } from "../vendor/htm-preact.js";
import { flatten, labelOf } from "../attributes.js";
import { Badge } from "../components/badge.js";
import { Button } from "../components/button.js";
import { AttributeValue, Diff } from "../components/diff.js";
import { EmptyState } from "../components/empty-state.js";
import { Table } from "../components/table.js";
import { download } from "../files.js";
import { hrefWith, Link, useLocation } from "../router.js";
import { texts } from "../texts.js";

/** @typedef {import("./results.js").Row} Row */
/** @typedef {import("./run.js").Run} Run */
/** @typedef {"refused" | "updated" | "created"} Kind */

const PAGE = 100;

/** @param {string} id @param {string} label @param {(row: Row) => unknown} render @param {"narrow" | "medium" | "wide"} [width] */
function column(id, label, render, width) {
    return { id, label, render, width };
}

/** @param {Row} row */
function action({ action: name, resource }) {
    const kind = name === "create" ? "good" : name === "refused" ? "bad" : "neutral";
    return html`<${Badge} kind=${kind}>${texts.import.actions[name]}${resource === "user" ? "" : ` ${texts.import.resources[resource]}`}<//>`;
}

/** @param {Row} row */
function who({ id, name, resource, action: change }) {
    return id && change === "update" ? html`<${Link} to=${`/${resource}s/${id}`}>${name || id}<//>` : name;
}

/** @param {Row} row */
function changes({ action: name, before, after, mistakes, text }) {
    if (name === "refused") return html`<${Mistakes} list=${mistakes} text=${text} />`;
    if (name === "update") return html`<${Diff} before=${before} after=${after} />`;
    return html`
        <ul class="values">
            ${[...flatten(after)].map(([path, value]) => html`<li key=${path}><span class="muted">${labelOf(path)}</span> <${AttributeValue} path=${path} value=${value} /></li>`)}
        </ul>`;
}

/** @param {{ list: import("./results.js").Mistake[], text: string }} props */
function Mistakes({ list, text }) {
    return html`
        <ul class="mistakes">
            ${list.map(({ place, value, detail, hint }, i) => html`
                <li key=${i}>
                    <p><strong>${place}</strong> ${value !== null && html`<span class="wrong">${texts.import.value(value)}</span>`}</p>
                    <p>${detail} <span class="muted">${hint}</span></p>
                </li>`)}
        </ul>
        <p><code class="muted">${text}</code></p>`;
}

/** @type {import("../components/table.js").Column[]} */
const COLUMNS = [
    column("line", texts.import.line, ({ line }) => texts.common.integer(line), "narrow"),
    column("action", texts.import.action, action, "narrow"),
    column("who", texts.import.who, who, "medium"),
    column("changes", texts.import.changes, changes),
];

/** The numbers of lines by result. Those with rows below show only these rows, or all again. @param {{ run: Run }} props */
export function Figures({ run: { results: { totals, rows }, options } }) {
    const shown = useShown(rows);
    const names = /** @type {(keyof typeof totals)[]} */ (Object.keys(totals));
    const label = (/** @type {keyof typeof totals} */ name) => texts.import.figures[name][options.plan ? 0 : 1];
    const link = (/** @type {string} */ name) => hrefWith({ show: shown === name ? null : name });
    return html`
        <dl class="figures four">
            ${names.map((name) => html`
                <div key=${name} class=${`card figure ${name === "refused" && totals.refused ? "refused" : ""}`}>
                    <dt>${options.plan && name !== "unchanged" && rows[name].length
                        ? html`<a href=${link(name)} aria-current=${shown === name ? "true" : undefined}>${label(name)}</a>`
                        : label(name)}</dt>
                    <dd>${texts.common.integer(totals[name])}</dd>
                </div>`)}
        </dl>`;
}

/** The kind of rows that is shown, or null for all. @param {Run["results"]["rows"]} rows @returns {Kind | null} */
function useShown(rows) {
    const show = useLocation().query.get("show");
    return (show === "refused" || show === "updated" || show === "created") && rows[show].length ? show : null;
}

/** The refused lines, and the changes of a plan: first what deserves a look. @param {{ run: Run }} props */
export function Outcome({ run }) {
    const { rows, totals } = run.results;
    const shown = useShown(rows);
    const kinds = shown ? [shown] : /** @type {Kind[]} */ (Object.keys(rows));
    if (!run.options.plan && !totals.refused) return null;
    return html`
        ${totals.refused > 0 && html`<${Rejects} run=${run} />`}
        <${Rows} key=${shown} rows=${kinds.flatMap((kind) => rows[kind])} loading=${run.status === "running"}
            total=${kinds.reduce((sum, kind) => sum + (run.options.plan || kind === "refused" ? totals[kind] : 0), 0)} />`;
}

/** @param {{ run: Run }} props */
function Rejects({ run }) {
    const save = () => download(run.results.rejectsFile(), texts.import.rejectsName(run.source.file.name));
    return html`
        <div class="toolbar">
            <p class="grow muted">${texts.import.rejectsHint(run.options.mode)}</p>
            <${Button} icon="export" onClick=${save}>${texts.import.rejects}<//>
        </div>`;
}

/** @param {{ rows: Row[], total: number, loading: boolean }} props `total` counts those that are not kept, too. */
function Rows({ rows, total, loading }) {
    const [shown, setShown] = useState(PAGE);
    const list = {
        items: rows.slice(0, shown),
        total: rows.length,
        loading: loading && !rows.length,
        error: null,
        hasMore: rows.length > shown,
        loadMore: () => setShown(shown + PAGE),
        reload: () => {},
    };
    return html`
        <div class="wrapping">
            <${Table} caption=${texts.import.changes} columns=${COLUMNS} list=${list} empty=${html`<${EmptyState} title=${texts.import.nothing} />`} keyOf=${(/** @type {Row} */ { line }) => line} />
        </div>
        ${total > rows.length && html`<p class="muted small">${texts.import.first(rows.length)}</p>`}`;
}

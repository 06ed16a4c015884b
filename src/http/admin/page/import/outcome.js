import { html, useState } from "../vendor/htm-preact.js";
import { flatten, labelOf } from "../attributes.js";
import { AttributeValue } from "../components/attribute-value.js";
import { Badge } from "../components/badge.js";
import { Button } from "../components/button.js";
import { Diff } from "../components/diff.js";
import { EmptyState } from "../components/empty-state.js";
import { Table } from "../components/table.js";
import { hrefWith, Link, useLocation } from "../router.js";
import { download } from "../files.js";
import { texts } from "../texts.js";

/** @typedef {import("./record.js").Row} Row */
/** @typedef {import("./run.js").Run} Run */

const PAGE = 100;

/** @param {string} id @param {string} label @param {(row: Row) => unknown} render @param {"narrow" | "medium" | "wide"} [width] */
function column(id, label, render, width) {
    return { id, label, render, width };
}

/** @param {Row} row */
function action({ action: name, resource }) {
    const kind = name === "create" ? "good" : "neutral";
    return html`<${Badge} kind=${kind}>${texts.import.actions[name]}${resource === "user" ? "" : ` ${texts.import.resources[resource]}`}<//>`;
}

/** @param {Row} row */
function who({ id, name, resource, action: change }) {
    return id && change === "update" ? html`<${Link} to=${`/${resource}s/${id}`}>${name || id}<//>` : name;
}

/** @param {Row} row */
function changes({ action: name, before, after }) {
    if (name === "update") return html`<${Diff} before=${before} after=${after} />`;
    return html`
        <ul class="values">
            ${[...flatten(after)].map(([path, value]) => html`<li key=${path}><span class="muted">${labelOf(path)}</span> <${AttributeValue} path=${path} value=${value} /></li>`)}
        </ul>`;
}

/** @param {Row} row */
function mistakes({ mistakes: list }) {
    return html`
        <ul class="mistakes">
            ${list.map(({ place, value, detail, hint }, i) => html`
                <li key=${i}>
                    <p><strong>${place}</strong> ${detail}${value !== null && html`: <span class="wrong">${texts.import.value(value)}</span>`}</p>
                    ${hint && html`<p class="muted">${hint}</p>`}
                </li>`)}
        </ul>`;
}

/** @type {import("../components/table.js").Column} */
const LINE = { id: "line", label: texts.import.line, width: "narrow", render: ({ line }) => texts.common.integer(line) };
const CHANGE_COLUMNS = [LINE, column("action", texts.import.action, action, "narrow"), column("who", texts.import.who, who, "medium"), column("changes", texts.import.changes, changes)];
const REFUSED_COLUMNS = [LINE, column("mistakes", texts.import.mistakes, mistakes), column("text", texts.import.lineText, ({ text }) => html`<code>${text}</code>`)];

/** The numbers of lines by result. @param {{ run: Run }} props */
export function Figures({ run: { results: { totals }, options } }) {
    const names = /** @type {(keyof typeof totals)[]} */ (Object.keys(totals));
    return html`
        <dl class="figures four">
            ${names.map((name) => html`
                <div key=${name} class=${`card figure ${name === "refused" && totals.refused ? "refused" : ""}`}>
                    <dt>${texts.import.figures[name][options.plan ? 0 : 1]}</dt>
                    <dd>${texts.common.integer(totals[name])}</dd>
                </div>`)}
        </dl>`;
}

/** The changes of a plan and the refused lines. @param {{ run: Run }} props */
export function Outcome({ run }) {
    const { results, options } = run;
    const { created, updated, refused: refusedCount } = results.totals;
    const { query } = useLocation();
    const refused = !options.plan || query.get("show") === "refused";
    if (!options.plan && !refusedCount) return null;
    return html`
        ${options.plan && html`
            <nav class="tabs" aria-label=${texts.import.show}>
                <a href=${hrefWith({ show: null })} aria-current=${refused ? undefined : "page"}>${texts.import.showChanges}</a>
                <a href=${hrefWith({ show: "refused" })} aria-current=${refused ? "page" : undefined}>${texts.import.showRefused(refusedCount)}</a>
            </nav>`}
        ${refused && refusedCount > 0 && html`<${Rejects} run=${run} />`}
        <${Rows} key=${refused} rows=${refused ? results.refused : results.changes} total=${refused ? refusedCount : created + updated}
            refused=${refused} loading=${run.status === "running"} />`;
}

/** @param {{ run: Run }} props */
function Rejects({ run }) {
    const save = () => download(run.results.rejectsFile(), texts.import.rejectsName(run.source.file.name));
    return html`
        <div class="toolbar">
            <p class="grow muted">${texts.import.rejectsHint}</p>
            <${Button} icon="export" onClick=${save}>${texts.import.rejects}<//>
        </div>`;
}

/** @param {{ rows: Row[], total: number, refused: boolean, loading: boolean }} props `total` counts those that are not kept, too. */
function Rows({ rows, total, refused, loading }) {
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
    const empty = html`<${EmptyState} ...${refused ? texts.import.noRefused : texts.import.noChanges} />`;
    const columns = refused ? REFUSED_COLUMNS : CHANGE_COLUMNS;
    return html`
        <div class="wrapping">
            <${Table} caption=${texts.import.changes} columns=${columns} list=${list} empty=${empty} keyOf=${(/** @type {Row} */ { line }) => line} />
        </div>
        ${total > rows.length && html`<p class="muted small">${texts.import.first(rows.length)}</p>`}`;
}

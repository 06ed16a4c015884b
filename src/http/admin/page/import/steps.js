/** The steps before the review: the file, and what it means. */
import { html, useRef, useState } from "../vendor/htm-preact.js";
import { Button } from "../components/button.js";
import { ErrorNotice } from "../components/error-notice.js";
import { Select } from "../components/form.js";
import { Icon } from "../components/icon.js";
import { Section } from "../components/page.js";
import { sizeOf } from "../files.js";
import { useAction } from "../hooks.js";
import { setQuery, useLocation } from "../router.js";
import { texts } from "../texts.js";
import { ATTRIBUTES, IGNORED, cellsOf, isDuplicate } from "./csv.js";
import { changeSource, choose, discard, plan } from "./job.js";
import { readSource, withColumns } from "./source.js";

/** The first step: a file. */
export function Choose() {
    const input = useRef(/** @type {HTMLInputElement | null} */ (null));
    const { run, error } = useAction(read);
    const { dragging, ...drop } = useDrop(run);
    return html`
        <div class=${`drop-zone ${dragging ? "dragging" : ""}`} ...${drop}>
            <${Icon} name="import" />
            <p><${Button} kind="primary" onClick=${() => input.current?.click()}>${texts.import.choose}<//> ${texts.import.drop}</p>
            <p class="muted small">${texts.import.formats}</p>
            <input ref=${input} type="file" hidden aria-label=${texts.import.choose} accept=".csv,.ndjson,.jsonl,.json,.txt"
                onChange=${(/** @type {any} */ event) => run([...event.target.files])} />
        </div>
        <${ErrorNotice} error=${error} />
        <${Example} />`;
}

/** @param {File[]} files */
async function read(files) {
    if (!files.length) return;
    if (files.length > 1) throw new Error(texts.import.notAFile);
    // A folder cannot be read.
    const source = await readSource(files[0]).catch(() => Promise.reject(new Error(texts.import.notAFile)));
    if (!source.preview.length) throw new Error(texts.import.empty);
    choose(source);
}

/** Handlers that accept a file dropped onto an element. @param {(files: File[]) => unknown} onDrop */
function useDrop(onDrop) {
    const [dragging, setDragging] = useState(false);
    const over = (/** @type {DragEvent} */ event) => {
        event.preventDefault();
        setDragging(true);
    };
    const drop = (/** @type {DragEvent} */ event) => {
        event.preventDefault();
        setDragging(false);
        onDrop([...event.dataTransfer?.files ?? []]);
    };
    return { dragging, onDragOver: over, onDragLeave: () => setDragging(false), onDrop: drop };
}

function Example() {
    return html`
        <details class="card example">
            <summary>${texts.import.exampleTitle}</summary>
            <pre tabindex="0">${texts.import.example}</pre>
            <ul class="list">${texts.import.exampleHint.map((hint) => html`<li key=${hint}>${hint}</li>`)}</ul>
        </details>`;
}

/** @typedef {import("./source.js").Source} Source */
/** @typedef {import("./csv.js").Column} Column */

const MATCHES = ["userName", "externalId", "id"];
const MODES = ["upsert", "create"];

/** The second step: what the file means. @param {{ job: import("./job.js").Job }} props */
export function Options({ job: { source, tenantName } }) {
    const { query } = useLocation();
    const matches = source.format === "csv" ? MATCHES : ["automatic", ...MATCHES];
    const match = matches.find((value) => value === query.get("match")) ?? matches[0];
    const mode = query.get("mode") ?? "upsert";
    const ready = !source.separator && source.columns.every((column) => column.attribute && !isDuplicate(column, source.columns));
    const start = () => plan({ match: match === "automatic" ? "" : match, mode });
    return html`
        <div class="stack">
            <${FileFacts} source=${source} tenant=${tenantName} />
            ${source.separator ? html`<${Separator} separator=${source.separator} />` : html`<${Contents} source=${source} />`}
            <${Section} title=${texts.import.options}>
                <div class="columns">
                    <${Select} label=${texts.import.match} hint=${texts.import.matchHint} value=${match}
                        options=${matches.map((value) => ({ value, label: texts.import.matches[value] }))}
                        onInput=${(/** @type {string} */ value) => setQuery({ match: value === matches[0] ? null : value }, { replace: true })} />
                    <${Select} label=${texts.import.mode} value=${mode}
                        options=${MODES.map((value) => ({ value, label: texts.import.modes[value] }))}
                        onInput=${(/** @type {string} */ value) => setQuery({ mode: value === "upsert" ? null : value }, { replace: true })} />
                </div>
            <//>
            <div class="actions">
                <${Button} kind="primary" disabled=${!ready} onClick=${start}>${texts.import.plan}<//>
                <${Button} onClick=${discard}>${texts.import.another}<//>
                <span class="muted">${ready || source.separator ? texts.import.planHint : texts.import.notReady}</span>
            </div>
        </div>`;
}

/** @param {{ source: Source, tenant: string }} props */
function FileFacts({ source: { file, format }, tenant }) {
    return html`
        <dl class="facts card">
            <dt>${texts.import.file}</dt><dd>${file.name}</dd>
            <dt>${texts.import.size}</dt><dd>${sizeOf(file.size)}</dd>
            <dt>${texts.import.format}</dt><dd>${texts.import.formatNames[format]}</dd>
            <dt>${texts.import.tenant}</dt><dd>${tenant}</dd>
        </dl>`;
}

/** @param {{ separator: string }} props */
function Separator({ separator }) {
    return html`<div class="notice warning" role="alert"><${Icon} name="error" /><p>${texts.import.separator(separator)}</p></div>`;
}

/** @param {{ source: Source }} props */
const Contents = ({ source }) => (source.format === "csv" ? html`<${Columns} source=${source} />` : html`<${FirstLines} lines=${source.preview} />`);

/** @param {{ lines: string[] }} props */
function FirstLines({ lines }) {
    return html`
        <${Section} title=${texts.import.firstLines}>
            <pre class="first-lines" tabindex="0">${lines.join("")}</pre>
        <//>`;
}

/** The columns of a CSV file with their attributes and the first values. @param {{ source: Source }} props */
function Columns({ source }) {
    const { columns } = source;
    const examples = source.preview.map(cellsOf);
    const assign = (/** @type {number} */ index, /** @type {string} */ attribute) =>
        changeSource(withColumns(source, columns.map((column, i) => (i === index ? { ...column, attribute } : column))));
    return html`
        <${Section} title=${texts.import.columns}>
            <p class="lead">${texts.import.columnsLead}</p>
            <div class="table-scroll wrapping" tabindex="0" role="region" aria-label=${texts.import.columns}>
                <table>
                    <thead>
                        <tr>
                            <th scope="col">${texts.import.columnHeading}</th>
                            <th scope="col">${texts.import.attributeHeading}</th>
                            <th scope="col">${texts.import.exampleHeading}</th>
                        </tr>
                    </thead>
                    <tbody>
                        ${columns.map((column, i) => html`
                            <${ColumnRow} key=${i} column=${column} duplicate=${isDuplicate(column, columns)}
                                example=${examples.map((cells) => cells[i]).find(Boolean)} onAssign=${(/** @type {string} */ attribute) => assign(i, attribute)} />`)}
                    </tbody>
                </table>
            </div>
        <//>`;
}

/** @param {{ column: Column, duplicate: boolean, example: string | undefined, onAssign: (attribute: string) => void }} props */
function ColumnRow({ column: { name, attribute }, duplicate, example, onAssign }) {
    const error = attribute === "" ? texts.import.unknownColumn : duplicate ? texts.import.duplicateColumn : null;
    return html`
        <tr>
            <td><code>${name}</code></td>
            <td>
                <select value=${attribute} aria-label=${texts.import.attributeOf(name)} aria-invalid=${error ? "true" : undefined}
                    onChange=${(/** @type {any} */ event) => onAssign(event.target.value)}>
                    ${optionsFor(name, attribute).map(({ value, label }) => html`
                        <option key=${value} value=${value} selected=${value === attribute} disabled=${value === ""}>${label}</option>`)}
                </select>
                ${error && html`<p class="hint error">${error}</p>`}
            </td>
            <td>${example ?? "—"}</td>
        </tr>`;
}

/** @param {string} name @param {string} attribute */
function optionsFor(name, attribute) {
    const custom = `custom.${name.replace(/^custom\./, "")}`;
    const first = attribute === "" ? [{ value: "", label: texts.import.chooseAttribute }] : [];
    return [
        ...first,
        { value: IGNORED, label: texts.import.ignore },
        ...ATTRIBUTES.map((value) => ({ value, label: value })),
        { value: custom, label: texts.import.custom(custom.slice("custom.".length)) },
    ];
}

import { html, useRef, useState } from "../vendor/htm-preact.js";
import { Button } from "../components/button.js";
import { ErrorNotice } from "../components/error-notice.js";
import { Icon } from "../components/icon.js";
import { useAction } from "../hooks.js";
import { texts } from "../texts.js";
import { choose } from "./job.js";
import { readSource } from "./source.js";

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

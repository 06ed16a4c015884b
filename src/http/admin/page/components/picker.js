import { html, useRef, useState } from "../vendor/htm-preact.js";
import { useLists } from "../hooks.js";
import { texts } from "../texts.js";
import { Button } from "./button.js";
import { ErrorNotice } from "./error-notice.js";
import { SearchField } from "./search-field.js";

const MOST_SHOWN = 6;

/**
 * Finds resources as the user types and lets them choose one. `search` is `searchSources` or `groupSources`; `render`
 * shows a result, and `note` says why it cannot be chosen.
 * @param {{ label: string, search: import("./finder.js").Search, render: (item: any) => unknown, note?: (item: any) => string | null,
 *     onPick: (item: any) => unknown, busy?: boolean } & Record<string, unknown>} props
 */
export function Picker({ label, search, render, note, onPick, busy, ...attributes }) {
    const [text, setText] = useState("");
    const list = useLists(text.trim() ? search(text.trim(), null, { limit: MOST_SHOWN }) : []);
    const element = useRef(/** @type {HTMLElement | null} */ (null));
    const pick = async (/** @type {any} */ item) => {
        if (await onPick(item) === false) return;
        setText("");
        element.current?.querySelector("input")?.focus(); // The button of the result goes away.
    };
    return html`
        <div class="picker" ref=${element}>
            <${SearchField} label=${label} value=${text} onSearch=${setText} ...${attributes} />
            <${ErrorNotice} error=${list.error} />
            <ul class="picker-results" aria-busy=${list.loading}>
                ${list.items.slice(0, MOST_SHOWN).map((item) => html`
                    <li key=${item.id}><${Result} item=${item} render=${render} note=${note?.(item)} busy=${busy} onPick=${pick} /></li>`)}
            </ul>
            <p class="hint" role="status">${text.trim() && !list.loading && !list.items.length && texts.common.nothingFound}</p>
        </div>`;
}

/** @param {{ item: any, render: (item: any) => unknown, note?: string | null, busy?: boolean, onPick: (item: any) => void }} props */
function Result({ item, render, note, busy, onPick }) {
    return html`
        <${Button} kind="quiet" busy=${busy} disabled=${!!note} onClick=${() => onPick(item)}>
            ${render(item)}${note && html` <span class="muted small">${note}</span>`}
        <//>`;
}

import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { groupSources } from "../group-search.js";
import { useLists } from "../hooks.js";
import { texts } from "../texts.js";
import { nameOf, searchSources } from "../user-search.js";
import { Button } from "./button.js";
import { ErrorNotice } from "./error-notice.js";
import { SearchField } from "./search-field.js";

const MOST_SHOWN = 6;

/**
 * Finds resources as the user types and lets them choose one. `search` is `searchSources` or `groupSources`; `render`
 * shows a result, and `note` says why it cannot be chosen.
 * @param {{ label: string, search: import("./finder.js").Search, render: (item: any) => unknown, note?: (item: any) => string | null,
 *     onPick: (item: any) => unknown, onText?: (text: string) => void, busy?: boolean } & Record<string, unknown>} props
 */
export function Picker({ label, search, render, note, onPick, onText, busy, ...attributes }) {
    const [text, setText] = useState("");
    const type = (/** @type {string} */ next) => {
        setText(next);
        onText?.(next.trim());
    };
    const list = useLists(text.trim() ? search(text.trim(), null, { limit: MOST_SHOWN }) : []);
    const element = useRef(/** @type {HTMLElement | null} */ (null));
    const pick = async (/** @type {any} */ item) => {
        if (await onPick(item) === false) return;
        setText("");
        element.current?.querySelector("input")?.focus(); // The button of the result goes away.
    };
    return html`
        <div class="picker" ref=${element}>
            <${SearchField} label=${label} value=${text} onSearch=${type} ...${attributes} />
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

const ID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** Chooses a user or a group by a name or an id, for a filter: the id, or "" for all. @param {{ value: string, onPick: (id: string) => void }} props */
export function ResourceFilter({ value, onPick }) {
    const t = texts.changes;
    const [picked, setPicked] = useState({ id: "", name: "" });
    const element = useRef(/** @type {HTMLElement | null} */ (null));
    useEffect(() => void (value === picked.id && element.current?.querySelector("button")?.focus()), [value]);
    const pick = (/** @type {any} */ item) => {
        setPicked({ id: item.id, name: nameOf(item) });
        onPick(item.id);
    };
    return html`
        <div class="field" ref=${element}>
            <span class="label">${t.resource}</span>
            ${value
                ? html`<${Button} icon="close" title=${t.clearResource} onClick=${() => onPick("")}>
                        ${value === picked.id ? picked.name : `…${value.slice(-8)}`}
                    <//>`
                : html`<${Picker} label=${t.resourceHint} search=${searchBoth} render=${nameOf} onPick=${pick}
                    onText=${(/** @type {string} */ text) => ID.test(text) && onPick(text)} />`}
        </div>`;
}

/** @type {import("./finder.js").Search} */
const searchBoth = (text, sort, limits) => [
    ...searchSources(text, sort, { ...limits, attributes: "displayName,name,userName" }),
    ...groupSources(text, sort, { ...limits, attributes: "displayName" }),
];

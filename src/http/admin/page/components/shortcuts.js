import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { texts } from "../texts.js";
import { Dialog } from "./dialog.js";

/** Marks the field that `/` focuses: `<input data-search>`. */
const SEARCH = "[data-search]";

/** Keyboard shortcuts of the whole page: `/` focuses the search, `?` lists the shortcuts. Esc is up to each element. */
export function KeyboardShortcuts() {
    const [help, setHelp] = useState(false);
    useEffect(() => {
        const press = (/** @type {KeyboardEvent} */ event) => {
            if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event) || document.querySelector("dialog[open]")) return;
            if (event.key === "?") setHelp(true);
            if (event.key === "/" && focusSearch()) event.preventDefault();
        };
        addEventListener("keydown", press);
        return () => removeEventListener("keydown", press);
    }, []);
    return help && html`
        <${Dialog} title=${texts.shortcuts.title} onClose=${() => setHelp(false)}>
            <dl class="shortcuts">
                ${texts.shortcuts.list.map(([key, meaning]) => html`<div key=${key}><dt><kbd>${key}</kbd></dt><dd>${meaning}</dd></div>`)}
            </dl>
        <//>`;
}

/** @param {KeyboardEvent} event */
const isTyping = ({ target }) => target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);

function focusSearch() {
    const field = /** @type {HTMLInputElement | null} */ (document.querySelector(SEARCH));
    field?.focus();
    field?.select();
    return field !== null;
}

import { html, useEffect, useMemo, useRef } from "../vendor/htm-preact.js";
import { setQuery, useLocation } from "../router.js";
import { texts } from "../texts.js";
import { Checkbox } from "./form.js";
import { Icon } from "./icon.js";

/** @typedef {import("./table.js").Column} Column */

/**
 * The chosen columns, which are in the URL (`?columns=`). The first column is always shown.
 * @template {Column} C
 * @param {C[]} all @param {string[]} defaults Ids of the columns shown by default.
 */
export function useColumns(all, defaults) {
    const chosen = useLocation().query.get("columns");
    return useMemo(() => {
        const ids = chosen?.split(",") ?? defaults;
        return all.filter(({ id }, i) => i === 0 || ids.includes(id));
    }, [all, chosen, defaults]);
}

/** A menu to choose columns. @param {{ all: Column[], shown: Column[], defaults: string[] }} props */
export function ColumnChooser({ all, shown, defaults }) {
    const element = useDismissable();
    const toggle = (/** @type {string} */ id, /** @type {boolean} */ on) => {
        const ids = all.filter((column) => (column.id === id ? on : shown.includes(column))).map((column) => column.id);
        setQuery({ columns: `${ids}` === `${defaults}` ? null : ids.join(",") }, { replace: true });
    };
    return html`
        <details class="menu" ref=${element}>
            <summary class="button"><${Icon} name="columns" />${texts.common.columns}</summary>
            <fieldset class="menu-content">
                <legend class="visually-hidden">${texts.common.columns}</legend>
                ${all.slice(1).map((column) => html`
                    <${Checkbox} key=${column.id} label=${column.label} checked=${shown.includes(column)}
                        onInput=${(/** @type {boolean} */ on) => toggle(column.id, on)} />`)}
            </fieldset>
        </details>`;
}

/** A ref for a `<details>` that Esc and clicks elsewhere close. */
export function useDismissable() {
    const element = useRef(/** @type {HTMLDetailsElement | null} */ (null));
    useEffect(() => {
        const close = (/** @type {Event} */ event) => {
            const details = element.current;
            if (!details?.open) return;
            const escaped = event instanceof KeyboardEvent && event.key === "Escape";
            const outside = event.type === "pointerdown" && !details.contains(/** @type {Node} */ (event.target));
            if (escaped || outside) details.open = false;
            if (escaped) details.querySelector("summary")?.focus();
        };
        addEventListener("keydown", close);
        addEventListener("pointerdown", close);
        return () => {
            removeEventListener("keydown", close);
            removeEventListener("pointerdown", close);
        };
    }, []);
    return element;
}

import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { texts } from "../texts.js";
import { Button, IconButton } from "./button.js";

/** @typedef {{ label: string, run: () => void }} ToastAction */
/** @typedef {{ id: number, text: string, kind: "good" | "bad", action?: ToastAction }} Toast */

const SHOWN_MS = 6000;

/** More would cover the view. */
const MOST_SHOWN = 3;

/** @type {Toast[]} */
let toasts = [];
let lastId = 0;

/** @type {Set<(toasts: Toast[]) => void>} */
const listeners = new Set();

/** @param {Toast[]} next */
function change(next) {
    toasts = next;
    for (const listener of listeners) listener(toasts);
}

/** @param {number} id */
const dismiss = (id) => change(toasts.filter((toast) => toast.id !== id));

/**
 * Reports the result of an action in a corner of the page. One with an action, such as "Undo", stays until it is closed.
 * @param {string} text @param {{ kind?: "good" | "bad", action?: ToastAction }} [options]
 */
export function toast(text, { kind = "good", action } = {}) {
    const id = (lastId += 1);
    change([...toasts, { id, text, kind, action }].slice(-MOST_SHOWN));
    if (!action) setTimeout(() => dismiss(id), SHOWN_MS);
}

/** The place where toasts appear; the application renders it once. */
export function Toasts() {
    const [shown, setShown] = useState(toasts);
    useEffect(() => {
        listeners.add(setShown);
        return () => void listeners.delete(setShown);
    }, []);
    return html`<div class="toasts" role="status">${shown.map((item) => html`<${ToastItem} key=${item.id} ...${item} />`)}</div>`;
}

/** @param {Toast} props */
function ToastItem({ id, text, kind, action }) {
    const act = () => {
        dismiss(id);
        action?.run();
    };
    return html`
        <div class=${`toast ${kind}`}>
            <p>${text}</p>
            ${action && html`<${Button} onClick=${act}>${action.label}<//>`}
            <${IconButton} icon="close" label=${texts.common.close} onClick=${() => dismiss(id)} />
        </div>`;
}

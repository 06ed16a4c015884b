import { html, useLayoutEffect, useRef } from "../vendor/htm-preact.js";
import { Icon } from "./icon.js";

/** A double click takes at most this long. */
const ACCIDENTAL_MS = 500;
const SAME_PLACE_PX = 16;

/** The last click on a button. @type {MouseEvent | null} */
let last = null;
/** @type {EventTarget | null} */
let lastButton = null;

/** Whether a click is at the place of the one before; without a pointer, on the same button. @param {MouseEvent} event */
function isRepeated(event) {
    if (!event.detail) return event.currentTarget === lastButton;
    return last !== null && Math.hypot(event.clientX - last.clientX, event.clientY - last.clientY) < SAME_PLACE_PX;
}

/**
 * A button. A busy button keeps its width and ignores clicks, and stays focusable. The second click of a double click never
 * reaches a button that has just appeared at that place, or that has just become its opposite.
 * @param {{ kind?: "primary" | "danger" | "quiet", icon?: string, busy?: boolean, children?: unknown,
 *     onClick?: (event: MouseEvent) => void } & Record<string, unknown>} props
 */
export function Button({ kind, icon, busy = false, children, onClick, ...attributes }) {
    const since = useRef(0);
    useLayoutEffect(() => void (since.current = performance.now()), [String(children)]);
    const click = (/** @type {MouseEvent} */ event) => {
        const accidental = performance.now() - since.current < ACCIDENTAL_MS && isRepeated(event);
        [last, lastButton] = [event, event.currentTarget];
        if (busy || accidental) event.preventDefault();
        else onClick?.(event);
    };
    return html`
        <button type="button" class=${`button ${kind ?? ""}`} aria-busy=${busy} onClick=${click} ...${attributes}>
            ${icon && html`<${Icon} name=${icon} />`}${children}
        </button>`;
}

/**
 * A link that looks like a button.
 * @param {{ kind?: string, icon?: string, href: string, children?: unknown } & Record<string, unknown>} props
 */
export function ButtonLink({ kind, icon, children, ...attributes }) {
    return html`<a class=${`button ${kind ?? ""}`} ...${attributes}>${icon && html`<${Icon} name=${icon} />`}${children}</a>`;
}

/**
 * A button of only an icon, with a name for screen readers and a tooltip.
 * @param {{ icon: string, label: string } & Record<string, unknown>} props
 */
export function IconButton({ icon, label, ...attributes }) {
    return html`
        <button type="button" class="button quiet icon-only" aria-label=${label} title=${label} ...${attributes}>
            <${Icon} name=${icon} />
        </button>`;
}

import { html } from "../vendor/htm-preact.js";
import { Icon } from "./icon.js";

/**
 * A button. A busy button keeps its width and ignores clicks, and stays focusable.
 * @param {{ kind?: "primary" | "danger" | "quiet", icon?: string, busy?: boolean, children?: unknown,
 *     onClick?: (event: MouseEvent) => void } & Record<string, unknown>} props
 */
export function Button({ kind, icon, busy = false, children, onClick, ...attributes }) {
    const click = (/** @type {MouseEvent} */ event) => (busy ? event.preventDefault() : onClick?.(event));
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

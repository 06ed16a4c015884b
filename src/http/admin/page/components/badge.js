import { html } from "../vendor/htm-preact.js";

/**
 * A short state. Its text says everything; the colour only repeats it.
 * @param {{ kind?: "good" | "warning" | "bad" | "neutral", title?: string, children?: unknown }} props
 */
export function Badge({ kind = "neutral", title, children }) {
    return html`<span class=${`badge ${kind}`} title=${title}>${children}</span>`;
}

import { html } from "../vendor/htm-preact.js";

/** What to show instead of an empty list, and what to do next. @param {{ title: string, hint?: unknown, children?: unknown }} props */
export function EmptyState({ title, hint, children }) {
    return html`
        <div class="empty-state">
            <p class="empty-title">${title}</p>
            ${hint && html`<p>${hint}</p>`}
            ${children && html`<div class="actions">${children}</div>`}
        </div>`;
}

/** Grey lines in place of text that is loading. @param {{ lines?: number }} props */
export function Skeleton({ lines = 3 }) {
    return html`<div aria-hidden="true">${Array.from({ length: lines }, (_, i) => html`<div key=${i} class="skeleton" />`)}</div>`;
}

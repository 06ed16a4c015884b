import { html } from "../vendor/htm-preact.js";

/** Outlines in a square of 16 units. @type {Record<string, string>} */
const PATHS = {
    add: "M8 3v10M3 8h10",
    check: "M3 8.5 6.5 12 13 4.5",
    close: "M4 4l8 8M12 4l-8 8",
    columns: "M2.5 3h11v10h-11zM6.2 3v10M9.8 3v10",
    copy: "M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3",
    down: "M4 6l4 4 4-4",
    error: "M8 1.8 14.6 13.4H1.4zM8 6v3.4M8 11.2v.4",
    filter: "M2 3.5h12L9.5 8.8v4.2l-3-1.5V8.8z",
    menu: "M2 4h12M2 8h12M2 12h12",
    search: "M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9M10.4 10.4 14 14",
    up: "M4 10l4-4 4 4",
    more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
};

/** A decorative icon: its meaning is in the text next to it. @param {{ name: string }} props */
export function Icon({ name }) {
    return html`
        <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
            <path d=${PATHS[name]} />
        </svg>`;
}

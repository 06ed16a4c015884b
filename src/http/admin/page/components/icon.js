import { html } from "../vendor/htm-preact.js";

/** Outlines in a square of 16 units. @type {Record<string, string>} */
const PATHS = {
    overview: "M2.5 2.5h4.5v4.5h-4.5zM9 2.5h4.5v4.5h-4.5zM2.5 9h4.5v4.5h-4.5zM9 9h4.5v4.5h-4.5z",
    user: "M8 2.2a2.9 2.9 0 1 1 0 5.8 2.9 2.9 0 0 1 0-5.8M2.6 14c.5-2.9 2.5-4 5.4-4s4.9 1.1 5.4 4",
    group: "M6 2.8a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5M1.5 13.5c.4-2.6 2-3.6 4.5-3.6s4.1 1 4.5 3.6M10.5 3a2.4 2.4 0 0 1 0 4.6M12.2 10.2c1.3.5 2 1.6 2.3 3.3",
    connection: "M6.5 9.5 9.5 6.5M7.2 4.6 8.8 3a3 3 0 0 1 4.2 4.2L11.4 8.8M8.8 11.4 7.2 13A3 3 0 0 1 3 8.8L4.6 7.2",
    key: "M5.2 6.8a3 3 0 1 1 0 6 3 3 0 0 1 0-6M7.4 7.7 13.5 2M10.8 4.6l2 2",
    tenant: "M3 14V2.5h7V14M10 6.5h3.5V14M1.5 14h13M5.5 5.5h2M5.5 8.5h2",
    changes: "M1.5 8.5h3l2-5.5 3 10 2-4.5h3",
    export: "M8 2v8M4.8 7 8 10.2 11.2 7M2.5 13.5h11",
    import: "M8 10.2V2.2M4.8 5.2 8 2l3.2 3.2M2.5 13.5h11",
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

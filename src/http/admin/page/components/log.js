import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { setQuery, useLocation } from "../router.js";
import { texts } from "../texts.js";
import { Button } from "./button.js";
import { Skeleton } from "./empty-state.js";
import { ErrorNotice } from "./error-notice.js";
import { useId } from "./form.js";
import { Icon } from "./icon.js";
import { reveal } from "./page.js";
import { LoadMore } from "./table.js";

/**
 * A log whose entries expand. `row` renders the cells of an entry; the first one becomes the button that expands it. The
 * expanded entry is in the URL (`?open=`).
 * @param {{ label: string, className: string, list: import("../hooks.js").List, keyOf: (item: any) => string | number,
 *     row: (item: any) => [unknown, ...unknown[]], detail: (item: any) => unknown, empty: unknown }} props
 */
export function Log({ label, className, list, keyOf, row, detail, empty }) {
    const open = useLocation().query.get("open");
    const { items, loading, error, reload } = list;
    if (error && !items.length) return html`<${ErrorNotice} error=${error} retry=${reload} />`;
    if (!items.length && loading) return html`<div class="card"><${Skeleton} lines=${10} /></div>`;
    if (!items.length && !list.hasMore) return empty;
    return html`
        ${items.length > 0 && html`<ol class=${`log ${className}`} aria-label=${label} aria-busy=${loading}>
            ${items.map((item) => html`
                <${Entry} key=${keyOf(item)} id=${String(keyOf(item))} item=${item} row=${row} detail=${detail}
                    open=${open === String(keyOf(item))} />`)}
        </ol>`}
        <${LoadMore} list=${list} />`;
}

/** @param {{ id: string, item: any, open: boolean, row: (item: any) => [unknown, ...unknown[]], detail: (item: any) => unknown }} props */
function Entry({ id, item, open, row, detail }) {
    const region = useId();
    const element = useRef(/** @type {HTMLElement | null} */ (null));
    useEffect(() => void (open && reveal(element.current?.querySelector("button") ?? null)), []);
    const [first, ...cells] = row(item);
    const toggle = () => setQuery({ open: open ? null : id }, { replace: true });
    // The whole row can be clicked, but not its links, and not where a text is being selected.
    const click = (/** @type {any} */ event) => !event.target.closest("a, button") && !String(getSelection()) && toggle();
    return html`
        <li class=${open ? "open" : ""} ref=${element}>
            <div class="log-row" onClick=${click}>
                <button type="button" class="log-toggle" aria-expanded=${open} aria-controls=${region} onClick=${toggle}>
                    <${Icon} name=${open ? "up" : "down"} />${first}
                </button>
                ${cells.map((cell, i) => html`<div key=${i}>${cell}</div>`)}
            </div>
            <div id=${region} class="log-detail" hidden=${!open}>${open && detail(item)}</div>
        </li>`;
}

/**
 * Whether a log is live, and the entries that have arrived but are not shown, because showing them would move the others.
 * @param {{ live: boolean, setLive: (live: boolean) => void, failed: boolean, waiting: string | null, show: () => void }} props
 */
export function LiveBar({ live, setLive, failed, waiting, show }) {
    const click = () => {
        show();
        // The button goes away, so the first of the new entries takes the focus.
        requestAnimationFrame(() => /** @type {HTMLElement | null} */ (document.querySelector(".log-toggle"))?.focus());
    };
    const text = failed ? texts.live.failed : live ? texts.live.on : texts.live.off;
    return html`
        <div class="live">
            <${Button} aria-pressed=${live} onClick=${() => setLive(!live)}>
                <span class=${live && !failed ? "live-dot" : "live-dot off"}></span>${texts.live.title}
            <//>
            <p class="muted small" role="status">${text} <span class="visually-hidden">${waiting}</span></p>
            ${waiting && html`<${Button} kind="primary" icon="up" onClick=${click}>${waiting}<//>`}
        </div>`;
}

/** Entries that have arrived since a list was read. @template T @param {(item: T) => string | number} keyOf */
export function useArrivals(keyOf) {
    const [{ waiting, shown }, set] = useState(/** @type {{ waiting: T[], shown: T[] }} */ ({ waiting: [], shown: [] }));
    const add = (/** @type {T[]} */ items) => set((before) => {
        const known = new Set([...before.waiting, ...before.shown].map(keyOf));
        const fresh = items.filter((item) => !known.has(keyOf(item)));
        return fresh.length ? { ...before, waiting: [...fresh, ...before.waiting] } : before;
    });
    const show = () => set((before) => ({ waiting: [], shown: [...before.waiting, ...before.shown] }));
    const clear = () => set({ waiting: [], shown: [] });
    return { waiting, shown, add, show, clear };
}

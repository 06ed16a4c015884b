import { html, useEffect, useRef } from "../vendor/htm-preact.js";
import { navigations, restoreScroll } from "../router.js";
import { texts } from "../texts.js";

/**
 * The frame of every view: its heading, its actions and its content. It sets the title of the document, and after a
 * navigation the heading takes the focus, so that screen readers announce the view. A view renders one `<Page>` from
 * the beginning, also while its content is loading.
 * @param {{ title: string, lead?: unknown, actions?: unknown, children?: unknown }} props
 */
export function Page({ title, lead, actions, children }) {
    const heading = useRef(/** @type {HTMLElement | null} */ (null));
    useEffect(() => {
        document.title = texts.app.documentTitle(title);
    }, [title]);
    useEffect(() => {
        if (navigations === 0) return;
        heading.current?.focus({ preventScroll: true });
        restoreScroll();
    }, []);
    return html`
        <header class="page-header">
            <div>
                <h1 ref=${heading} tabindex="-1">${title}</h1>
                ${lead && html`<p class="lead">${lead}</p>`}
            </div>
            ${actions && html`<div class="actions">${actions}</div>`}
        </header>
        ${children}`;
}

/** Moves the focus to the heading of the view, after an action that removes its own button. */
export const focusHeading = () => document.querySelector("h1")?.focus({ preventScroll: true });

/** A titled part of a view. @param {{ title: string, actions?: unknown, children?: unknown } & Record<string, unknown>} props */
export function Section({ title, actions, children, ...attributes }) {
    return html`
        <section class="card" ...${attributes}>
            <header class="section-header"><h2>${title}</h2>${actions && html`<div class="actions">${actions}</div>`}</header>
            ${children}
        </section>`;
}

/** Moves the focus to what was opened, and scrolls to it if it begins far below, or outside of the window. @param {HTMLElement | null} element */
export function reveal(element) {
    if (!element) return;
    element.focus({ preventScroll: true });
    const { top } = element.getBoundingClientRect();
    if (top < 0 || top > innerHeight * 0.6) element.scrollIntoView();
}

import { html, useEffect, useLayoutEffect, useState } from "../vendor/htm-preact.js";
import { texts } from "../texts.js";
import { Button, IconButton } from "./button.js";
import { focusHeading } from "./page.js";

/** @typedef {{ label: string, run: () => void }} ToastAction */
/** @typedef {{ id: number, text: string, kind: "good" | "bad", action?: ToastAction, about?: string, gone?: boolean }} Toast */

const SHOWN_MS = 6000;
const SHOWN_WITH_ACTION_MS = 15_000;

/** More would cover the view. */
const MOST_SHOWN = 3;

/** @type {Toast[]} */
let toasts = [];
let lastId = 0;

/** What is on the toasts: the pointer, the focus. Until both have left them, nothing moves or expires. @type {Set<string>} */
const holders = new Set();

/** @type {Set<(toasts: Toast[]) => void>} */
const listeners = new Set();

/** @param {Toast[]} next */
function change(next) {
    toasts = holders.size ? next : next.filter(({ gone }) => !gone);
    for (const listener of listeners) listener(toasts);
}

/** Its place stays empty while the toasts are held, so that no button slides under the pointer. @param {number} id */
const dismiss = (id) => change(toasts.map((toast) => (toast.id === id ? { ...toast, gone: true } : toast)));

/** @param {string} holder @param {boolean} present */
const hold = (holder, present) => () => {
    if (present) holders.add(holder);
    else holders.delete(holder);
    change([...toasts]);
};

/** Dismisses what a write to a resource makes outdated. @param {string} path */
export const outdate = (path) => toasts.forEach(({ id, about }) => about && path.startsWith(about) && dismiss(id));

addEventListener("roster-write", (event) => outdate(/** @type {CustomEvent} */ (event).detail));

/**
 * Reports the result of an action in a corner of the page, until the resource that it is `about` (a path) changes again. It
 * expires, but an error stays until it is closed.
 * @param {string} text @param {{ kind?: "good" | "bad", action?: ToastAction, about?: string }} [options]
 */
export function toast(text, { kind = "good", action, about } = {}) {
    if (about) outdate(about);
    const present = toasts.filter(({ gone }) => !gone);
    if (present.length >= MOST_SHOWN) dismiss(present[0].id);
    change([...toasts, { id: (lastId += 1), text, kind, action, about }]);
}

/** For actions that have no place for an error. @param {import("../api.js").Problem} problem @param {string} [about] */
export const reportFailure = (problem, about) => toast(problem.detail, { kind: "bad", about });

/** The statuses of a resource that is no longer as the action has left it. */
const OUTDATED = [404, 409, 412];

/**
 * Reports an action that can be undone. If somebody else was faster, it says so, and `reload` shows what they have left.
 * @param {string} text @param {string} about @param {() => Promise<unknown>} undo @param {() => void} reload
 */
export function undoable(text, about, undo, reload) {
    const failed = (/** @type {import("../api.js").Problem} */ problem) => {
        if (!OUTDATED.includes(problem.status)) return reportFailure(problem, about);
        toast(texts.common.notUndone(text), { kind: "bad", about });
        reload();
    };
    const run = () => void undo().then(() => toast(texts.common.undone(text), { about }), failed);
    toast(text, { about, action: { label: texts.common.undo, run } });
}

/** The place where toasts appear; the application renders it once. The newest is on top, so that the others stay where they are. */
export function Toasts() {
    const [shown, setShown] = useState(toasts);
    useEffect(() => {
        listeners.add(setShown);
        return () => void listeners.delete(setShown);
    }, []);
    return html`
        <div class="toasts" role="status" onMouseEnter=${hold("pointer", true)} onMouseLeave=${hold("pointer", false)}
            onFocusIn=${hold("focus", true)} onFocusOut=${hold("focus", false)}>
            ${shown.map((item) => html`<${ToastItem} key=${item.id} ...${item} />`)}
        </div>`;
}

/** @param {Toast} props */
function ToastItem({ id, text, kind, action, gone }) {
    const paused = holders.size > 0 || kind === "bad";
    useLayoutEffect(() => {
        if (paused) return;
        const timer = setTimeout(() => dismiss(id), action ? SHOWN_WITH_ACTION_MS : SHOWN_MS);
        return () => clearTimeout(timer);
    }, [paused]);
    const close = () => {
        focusHeading(); // The button goes away.
        dismiss(id);
    };
    const act = () => {
        close();
        action?.run();
    };
    return html`
        <div class=${`toast ${kind} ${gone ? "gone" : ""}`}>
            <p>${text}</p>
            ${action && html`<${Button} onClick=${act}>${action.label}<//>`}
            <${IconButton} icon="close" label=${texts.common.close} onClick=${close} />
        </div>`;
}

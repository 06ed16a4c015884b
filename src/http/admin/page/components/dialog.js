import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { texts } from "../texts.js";
import { Button, IconButton } from "./button.js";
import { ErrorNotice } from "./error-notice.js";
import { Field, useId } from "./form.js";
import { useAction } from "../hooks.js";

/**
 * A modal dialog, open for as long as it is rendered. Esc calls `onClose`; without `onClose` it cannot be closed.
 * The focus returns to the element that had it.
 * @param {{ title: string, onClose?: () => void, children?: unknown, wide?: boolean }} props
 */
export function Dialog({ title, onClose, children, wide = false }) {
    const element = useRef(/** @type {HTMLDialogElement | null} */ (null));
    const id = useId();
    useEffect(() => {
        const dialog = /** @type {HTMLDialogElement} */ (element.current);
        dialog.showModal();
        return () => dialog.close(); // Returns the focus, which removing the element would not.
    }, []);
    const cancel = (/** @type {Event} */ event) => {
        event.preventDefault();
        onClose?.();
    };
    return html`
        <dialog ref=${element} class=${wide ? "wide" : ""} aria-labelledby=${id} onCancel=${cancel}>
            <header class="dialog-header">
                <h2 id=${id}>${title}</h2>
                ${onClose && html`<${IconButton} icon="close" label=${texts.common.close} onClick=${onClose} />`}
            </header>
            ${children}
        </dialog>`;
}

/**
 * A dialog that asks before an action. With `name`, the user must type that name first: for actions that cannot be undone.
 * @param {{ title: string, action: string, danger?: boolean, name?: string, onConfirm: () => Promise<unknown>,
 *     onClose: () => void, children?: unknown }} props
 */
export function Confirm({ title, action, danger = false, name, onConfirm, onClose, children }) {
    const [typed, setTyped] = useState("");
    const { run, busy, error } = useAction(onConfirm);
    const allowed = name === undefined || typed === name;
    const submit = async (/** @type {Event} */ event) => {
        event.preventDefault();
        if (allowed && !busy && await run()) onClose();
    };
    return html`
        <${Dialog} title=${title} onClose=${onClose}>
            <form class="stack" onSubmit=${submit}>
                ${children}
                ${name !== undefined && html`
                    <${Field} label=${texts.common.typeToConfirm(name)} value=${typed} onInput=${setTyped} autocomplete="off" autofocus />`}
                <${ErrorNotice} error=${error} />
                <div class="dialog-actions">
                    <${Button} onClick=${onClose}>${texts.common.cancel}<//>
                    <${Button} kind=${danger ? "danger" : "primary"} type="submit" busy=${busy} disabled=${!allowed}>${action}<//>
                </div>
            </form>
        <//>`;
}

import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { Button } from "../components/button.js";
import { Confirm } from "../components/dialog.js";
import { ErrorNotice } from "../components/error-notice.js";
import { Form } from "../components/form.js";
import { texts } from "../texts.js";
import { Fields } from "./fields.js";
import { parsed } from "./json-attributes.js";
import { normalized, patchBetween, writable } from "./patch.js";

/** @typedef {import("../api.js").Problem} Problem */
/** @typedef {import("./drafts.js").Draft} Draft */

/** The user as it was entered. @param {Draft} draft */
export const entered = ({ mine, json }) => normalized({ ...mine, ...parsed(json).value });

/** What the form would write. @param {Draft} draft */
export const patchFrom = (draft) => patchBetween(writable(draft.base), writable(entered(draft)));

/**
 * The form of a new or an existing user. It asks before it discards anything.
 * @param {{ draft: Draft, onInput: (draft: Draft) => void, action: string, onDiscard: () => void,
 *     save: { run: (draft: Draft) => Promise<boolean>, busy: boolean, error: Problem | null }, children?: unknown }} props
 *     The children are shown instead of the error.
 */
export function UserForm({ draft, onInput, action, onDiscard, save, children }) {
    const [asking, setAsking] = useState(false);
    const element = useFocusedField(save.error);
    const invalid = parsed(draft.json).error !== undefined;
    const leave = () => (invalid || Object.keys(patchFrom(draft)).length ? setAsking(true) : onDiscard());
    return html`
        <div ref=${element}>
            <${Form} onSubmit=${() => invalid || save.busy || save.run(draft)} novalidate>
                <${Fields} draft=${draft} onInput=${onInput} problem=${save.error} />
                <div class="form-actions">
                    ${children || html`<${Failure} error=${save.error} />`}
                    <${Button} kind="primary" type="submit" busy=${save.busy} disabled=${invalid}>${action}<//>
                    <${Button} onClick=${leave}>${texts.common.cancel}<//>
                </div>
            <//>
            ${asking && html`<${Discard} onClose=${() => setAsking(false)} onDiscard=${onDiscard} />`}
        </div>`;
}

/** The fields show what is wrong with them. @param {{ error: Problem | null }} props */
function Failure({ error }) {
    if (!error?.errors.length) return html`<${ErrorNotice} error=${error} />`;
    return html`<p class="hint error" role="alert">${texts.user.form.invalid}</p>`;
}

/** @param {{ onClose: () => void, onDiscard: () => void }} props */
function Discard({ onClose, onDiscard }) {
    const { discardTitle, discard, discardHint } = texts.user.form;
    return html`
        <${Confirm} title=${discardTitle} action=${discard} danger onClose=${onClose} onConfirm=${async () => onDiscard()}>
            <p>${discardHint}</p>
        <//>`;
}

/** Focuses the first field, and after an error the first one that is invalid. @param {Problem | null} error */
function useFocusedField(error) {
    const element = useRef(/** @type {HTMLElement | null} */ (null));
    const focus = (/** @type {string} */ selector, /** @type {FocusOptions} */ options) => {
        const field = element.current?.querySelector(selector);
        if (field instanceof HTMLElement) field.focus(options);
    };
    useEffect(() => focus("input", { preventScroll: true }), []);
    useEffect(() => {
        if (error) focus('[aria-invalid="true"]', {});
    }, [error]);
    return element;
}

import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { get, Problem, request } from "../api.js";
import { Button } from "../components/button.js";
import { Confirm } from "../components/dialog.js";
import { ErrorNotice } from "../components/error-notice.js";
import { Form } from "../components/form.js";
import { toast } from "../components/toasts.js";
import { useAction } from "../hooks.js";
import { navigate } from "../router.js";
import { texts } from "../texts.js";
import { nameOf } from "../user-search.js";
import { hasDraft, useDraft } from "./drafts.js";
import { Fields } from "./fields.js";
import { jsonOf, parsed } from "./json-attributes.js";
import { undoable } from "./memberships.js";
import { MergeView } from "./merge-view.js";
import { normalized, patchBetween, patchOf, writable } from "./patch.js";

/** @typedef {import("./drafts.js").Draft} Draft */

/** @param {Draft} draft */
const typed = ({ mine, json }) => ({ ...mine, ...parsed(json).value });

/** What the form would write. @param {Draft} draft */
const bodyOf = (draft) => patchBetween(writable(draft.base), normalized(writable(typed(draft))));

/**
 * The form of a user. If someone else was faster, it shows what to merge.
 * @param {{ user: any, changed: (user: any) => void }} props
 */
export function Editor({ user, changed }) {
    const { draft, change, discard } = useDraft(user.id, () => ({ base: user, mine: user, json: jsonOf(user) }));
    const [theirs, setTheirs] = useState(/** @type {any} */ (null));
    const close = (/** @type {any} */ next) => {
        discard();
        changed(next);
        navigate(`/users/${user.id}`, {}, { replace: true });
        document.querySelector("h1")?.focus(); // The form had the focus.
    };
    const save = useAction(async (/** @type {Draft} */ next) => {
        const body = bodyOf(next);
        if (!Object.keys(body).length) return close(next.base);
        try {
            const { data } = await request(`/users/${user.id}`, { method: "PATCH", body, ifMatch: next.base.version });
            close(data);
            reportSaved(data, next.base, changed);
        } catch (error) {
            if (!(error instanceof Problem) || error.status !== 412) throw error;
            setTheirs((await get(`/users/${user.id}`)).data);
        }
    });
    useKeptDraft(user);
    const continueWith = (/** @type {any} */ result) => {
        const next = { base: theirs, mine: result, json: jsonOf(result) };
        change(next);
        return next;
    };
    const back = (/** @type {any} */ result) => {
        continueWith(result);
        setTheirs(null);
    };
    if (theirs) {
        return html`
            <${MergeView} key=${theirs.version} base=${draft.base} theirs=${theirs} mine=${normalized(typed(draft))} busy=${save.busy} error=${save.error}
                onSave=${(/** @type {any} */ result) => save.run(continueWith(result))} onBack=${back} />`;
    }
    return html`<${UserForm} draft=${draft} onInput=${change} save=${save} action=${texts.user.form.save} onDiscard=${() => close(user)} />`;
}

/** @param {any} user @param {any} before @param {(user: any) => void} changed */
function reportSaved(user, before, changed) {
    const undo = async () => {
        const body = patchOf(user, before);
        changed((await request(`/users/${user.id}`, { method: "PATCH", body, ifMatch: user.version })).data);
    };
    toast(texts.user.form.saved(nameOf(user)), undoable(undo));
}

/** Says where the changes are when the form is left without saving. @param {any} user */
function useKeptDraft(user) {
    useEffect(() => () => {
        const action = { label: texts.user.form.continue, run: () => navigate(`/users/${user.id}`, { edit: 1 }) };
        if (hasDraft(user.id)) toast(texts.user.form.kept(nameOf(user)), { action });
    }, []);
}

/**
 * @param {{ draft: Draft, onInput: (draft: Draft) => void, action: string, onDiscard: () => void,
 *     save: { run: (draft: Draft) => Promise<boolean>, busy: boolean, error: Problem | null } }} props
 */
export function UserForm({ draft, onInput, action, onDiscard, save }) {
    const [asking, setAsking] = useState(false);
    const invalid = parsed(draft.json).error !== undefined;
    const element = useRef(/** @type {HTMLElement | null} */ (null));
    useEffect(() => {
        const field = element.current?.querySelector('[aria-invalid="true"]');
        if (save.error && field instanceof HTMLElement) field.focus();
    }, [save.error]);
    useEffect(() => element.current?.querySelector("input")?.focus({ preventScroll: true }), []);
    const leave = () => (Object.keys(bodyOf(draft)).length || invalid ? setAsking(true) : onDiscard());
    return html`
        <div ref=${element}>
            <${Form} onSubmit=${() => invalid || save.busy || save.run(draft)} novalidate>
                <${Fields} draft=${draft} onInput=${onInput} problem=${save.error} />
                <${ErrorNotice} error=${save.error} />
                <div class="form-actions">
                    <${Button} kind="primary" type="submit" busy=${save.busy} disabled=${invalid}>${action}<//>
                    <${Button} onClick=${leave}>${texts.common.cancel}<//>
                </div>
            <//>
            ${asking && html`
                <${Confirm} title=${texts.user.form.discardTitle} action=${texts.user.form.discard} danger onClose=${() => setAsking(false)} onConfirm=${async () => onDiscard()}>
                    <p>${texts.user.form.discardHint}</p>
                <//>`}
        </div>`;
}

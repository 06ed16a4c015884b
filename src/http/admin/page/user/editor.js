import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { get, Problem, request } from "../api.js";
import { Button } from "../components/button.js";
import { focusHeading } from "../components/page.js";
import { outdate, toast, undoable } from "../components/toasts.js";
import { useAction } from "../hooks.js";
import { navigate } from "../router.js";
import { texts } from "../texts.js";
import { nameOf } from "../user-search.js";
import { reread } from "./actions.js";
import { hasDraft, useDraft } from "./drafts.js";
import { jsonOf } from "./json-attributes.js";
import { MergeView } from "./merge-view.js";
import { patchOf } from "./patch.js";
import { entered, patchFrom, UserForm } from "./user-form.js";

/** @typedef {import("./drafts.js").Draft} Draft */

/**
 * The form of a user. If someone else was faster, it shows what to merge.
 * @param {{ user: any, changed: (user: any) => void, deleted: () => void }} props
 */
export function Editor({ user, changed, deleted }) {
    const { draft, change, discard } = useDraft(user.id, () => draftOf(user, user));
    const [theirs, setTheirs] = useState(/** @type {any} */ (null));
    const close = () => {
        discard();
        navigate(`/users/${user.id}`, {}, { replace: true });
        focusHeading();
        scrollTo(0, 0);
    };
    const saved = (/** @type {any} */ next, /** @type {any} */ before) => {
        close();
        changed(next);
        reportSaved(next, before, changed);
    };
    const save = useSave(user.id, saved, close, setTheirs);
    useKeptDraft(user);
    const adopt = (/** @type {any} */ result) => {
        const next = draftOf(theirs, result);
        change(next);
        return next;
    };
    const back = (/** @type {any} */ result) => {
        adopt(result);
        setTheirs(null);
    };
    const saveMerged = (/** @type {any} */ result) => save.run(adopt(result));
    if (!theirs) {
        return html`
            <${UserForm} draft=${draft} onInput=${change} save=${save} action=${texts.user.form.save} onDiscard=${close}>
                ${save.error?.status === 404 && html`<${DeletedMeanwhile} show=${deleted} />`}
            <//>`;
    }
    return html`
        <${MergeView} key=${theirs.version} base=${draft.base} theirs=${theirs} mine=${entered(draft)} busy=${save.busy} error=${save.error}
            onSave=${saveMerged} onBack=${back} />`;
}

/** The form is still there after a restore. @param {{ show: () => void }} props */
function DeletedMeanwhile({ show }) {
    return html`
        <div class="notice warning" role="alert">
            <p class="notice-body">${texts.user.form.deleted}</p>
            <${Button} onClick=${show}>${texts.user.form.showDeleted}<//>
        </div>`;
}

/** @param {any} base @param {any} mine @returns {Draft} */
const draftOf = (base, mine) => ({ base, mine, json: jsonOf(mine) });

/**
 * Saves a draft, unless someone else has saved another version since it began.
 * @param {string} id @param {(user: any, before: any) => void} saved @param {() => void} unchanged @param {(theirs: any) => void} conflict
 */
function useSave(id, saved, unchanged, conflict) {
    return useAction(async (/** @type {Draft} */ draft) => {
        const body = patchFrom(draft);
        if (!Object.keys(body).length) return unchanged();
        try {
            const { data } = await request(`/users/${id}`, { method: "PATCH", body, ifMatch: draft.base.version });
            saved(data, draft.base);
        } catch (error) {
            if (!(error instanceof Problem) || error.status !== 412) throw error;
            conflict((await get(`/users/${id}`)).data);
        }
    });
}

/** @param {any} user @param {any} before @param {(user: any) => void} changed */
function reportSaved(user, before, changed) {
    const undo = async () => {
        const body = patchOf(user, before);
        changed((await request(`/users/${user.id}`, { method: "PATCH", body, ifMatch: user.version })).data);
    };
    undoable(texts.user.form.saved(nameOf(user)), `/users/${user.id}`, undo, () => reread(user, changed));
}

/** Says where the changes are when the form is left without saving. @param {any} user */
function useKeptDraft(user) {
    useEffect(() => {
        const about = `/users/${user.id}`;
        const action = { label: texts.user.form.continue, run: () => navigate(about, { edit: 1 }) };
        outdate(about);
        return () => void (hasDraft(user.id) && toast(texts.user.form.kept(nameOf(user)), { action, about }));
    }, []);
}

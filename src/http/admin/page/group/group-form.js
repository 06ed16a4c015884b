import { html, useState } from "../vendor/htm-preact.js";
import { get, request } from "../api.js";
import { Button } from "../components/button.js";
import { Dialog } from "../components/dialog.js";
import { Diff } from "../components/diff.js";
import { ErrorNotice, fieldError } from "../components/error-notice.js";
import { Field, Form } from "../components/form.js";
import { toast } from "../components/toasts.js";
import { useAction } from "../hooks.js";
import { texts } from "../texts.js";
import { patchBetween } from "../user/patch.js";

/** @typedef {{ displayName: string, externalId: string, custom: string }} Input What the fields contain. */

/** @param {any} group @returns {Input} */
const inputOf = (group) => ({
    displayName: group?.displayName ?? "",
    externalId: group?.externalIds.native ?? "",
    custom: group && Object.keys(group.custom).length ? JSON.stringify(group.custom, null, 2) : "",
});

/**
 * Creates a group, or changes one. If somebody else has changed the group in the meantime, the form keeps the input and
 * shows what they have changed.
 * @param {{ group?: any, onSaved: (group: any) => void, onClose: () => void }} props
 */
export function GroupForm({ group, onSaved, onClose }) {
    const [base, setBase] = useState(group);
    const [input, setInput] = useState(() => inputOf(group));
    const [theirs, setTheirs] = useState(/** @type {any} */ (null));
    const set = (/** @type {keyof Input} */ name) => (/** @type {string} */ value) => setInput({ ...input, [name]: value });
    const { run, busy, error, clear } = useAction(async (/** @type {any} */ present) => {
        const saved = await save(base, present, input).catch((problem) => outdated(problem, base, setTheirs));
        if (!saved) return;
        const text = group ? texts.group.saved(saved.displayName) : texts.group.created(saved.displayName);
        toast(text, { about: `/groups/${saved.id}` });
        onClose();
        onSaved(saved);
    });
    const load = () => {
        setBase(theirs);
        setInput(inputOf(theirs));
        setTheirs(null);
        clear();
    };
    const apply = () => {
        setTheirs(null);
        run(theirs);
    };
    const invalid = !isObjectText(input.custom);
    return html`
        <${Dialog} title=${group ? texts.group.editTitle : texts.groups.create} onClose=${onClose}>
            <${Form} onSubmit=${() => !busy && !invalid && !theirs && run(base)}>
                <${Field} label=${texts.group.name} value=${input.displayName} onInput=${set("displayName")} required maxlength="256"
                    error=${fieldError(error, "/displayName", "group")} autocomplete="off" autofocus />
                <${Field} label=${texts.group.externalId} value=${input.externalId} onInput=${set("externalId")} maxlength="256"
                    hint=${texts.group.externalIdHint} error=${fieldError(error, "/externalId", "group")} autocomplete="off" spellcheck=${false} />
                <${Field} label=${texts.group.custom} value=${input.custom} onInput=${set("custom")} multiline class="mono" spellcheck=${false}
                    hint=${texts.group.customHint} error=${invalid ? texts.group.customInvalid : fieldError(error, "/custom")} />
                ${!error?.body.existingId && html`<${ErrorNotice} error=${error} />`}
                ${theirs && html`<${Conflict} base=${base} theirs=${theirs} onLoad=${load} onApply=${apply} />`}
                <div class="dialog-actions">
                    <${Button} onClick=${onClose}>${texts.common.cancel}<//>
                    <${Button} kind="primary" type="submit" busy=${busy} disabled=${!input.displayName.trim() || invalid || !!theirs}>
                        ${group ? texts.group.save : texts.group.createAction}
                    <//>
                </div>
            <//>
        <//>`;
}

/**
 * Sends only what the form has changed, so that what others have written to other attributes survives.
 * @param {any} base What the form began with. @param {any} present What it is applied to. @param {Input} input
 */
async function save(base, present, input) {
    const next = { displayName: input.displayName.trim(), externalId: input.externalId.trim() || null, custom: JSON.parse(input.custom || "{}") };
    if (!base) return (await request("/groups", { method: "POST", body: next })).data;
    const { displayName, externalIds, custom } = base;
    const body = patchBetween({ displayName, externalId: externalIds.native ?? null, custom }, next);
    return (await request(`/groups/${base.id}`, { method: "PATCH", body, ifMatch: present.version })).data;
}

/** Reads the present state of a group that somebody else has changed. @param {any} problem @param {any} group @param {(group: any) => void} setTheirs */
async function outdated(problem, group, setTheirs) {
    if (problem.status !== 412) throw problem;
    setTheirs((await get(`/groups/${group.id}`)).data);
    return null;
}

/** @param {string} text */
function isObjectText(text) {
    try {
        const value = JSON.parse(text || "{}");
        return typeof value === "object" && value !== null && !Array.isArray(value);
    } catch {
        return false;
    }
}

/** @param {{ base: any, theirs: any, onLoad: () => void, onApply: () => void }} props */
function Conflict({ base, theirs, onLoad, onApply }) {
    return html`
        <div class="notice warning" role="alert">
            <div class="notice-body stack">
                <p><strong>${texts.group.conflict}</strong> ${texts.group.conflictHint}</p>
                <${Diff} before=${base} after=${theirs} />
                <div class="actions">
                    <${Button} onClick=${onLoad}>${texts.group.loadTheirs}<//>
                    <${Button} kind="primary" onClick=${onApply}>${texts.group.saveMine}<//>
                </div>
            </div>
        </div>`;
}

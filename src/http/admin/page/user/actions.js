import { html, useState } from "../vendor/htm-preact.js";
import { get, request } from "../api.js";
import { Button, ButtonLink } from "../components/button.js";
import { useDismissable } from "../components/columns.js";
import { Confirm } from "../components/dialog.js";
import { Icon } from "../components/icon.js";
import { reportFailure, toast, undoable } from "../components/toasts.js";
import { useAction } from "../hooks.js";
import { hrefWith } from "../router.js";
import { can } from "../session.js";
import { texts } from "../texts.js";
import { nameOf } from "../user-search.js";

/** @typedef {import("../hooks.js").Resource} Resource */

/** Deactivates or reactivates a user, and offers to undo it. @param {any} user @param {boolean} active @param {(user: any) => void} changed */
export async function setActive(user, active, changed) {
    const write = async (/** @type {boolean} */ value) => {
        const { data } = await request(pathOf(user), { method: "PATCH", body: { active: value } });
        changed(data);
    };
    await write(active);
    const text = active ? texts.user.reactivated(nameOf(user)) : texts.user.deactivated(nameOf(user));
    undoable(text, pathOf(user), () => write(!active), () => reread(user, changed));
}

/** @param {any} user */
const pathOf = ({ id }) => `/users/${id}`;

/** Shows the present state of a user. If there is none, the view says so once it reads the user. @param {any} user @param {(user: any) => void} changed */
export const reread = (user, changed) => get(pathOf(user)).then(({ data }) => changed(data), () => {});

/** Restores a deleted user. The result contains `restored`. @param {string} id */
export async function restoreUser(id) {
    const { data } = await request(`/users/${id}/restore`, { method: "POST" });
    return data;
}

/**
 * The buttons in the heading of a user, by the caller's role.
 * @param {{ user: any, changed: (user: any) => void, deleted: () => void, restored: (user: any) => void }} props
 */
export function Actions({ user, changed, deleted, restored }) {
    const toggle = useAction(() => setActive(user, !user.active, changed).catch((problem) => reportFailure(problem, pathOf(user))));
    const [asked, setAsked] = useState("");
    const close = () => setAsked("");
    if (!can("writer")) return null;
    return html`
        <${ButtonLink} kind="primary" href=${hrefWith({ edit: 1, tab: null, at: null })}>${texts.user.edit}<//>
        <${Button} busy=${toggle.busy} onClick=${() => toggle.run()}>${user.active ? texts.user.deactivate : texts.user.reactivate}<//>
        <${More} ask=${setAsked} />
        ${asked === "delete" && html`<${Deletion} user=${user} onClose=${close} deleted=${deleted} restored=${restored} />`}
        ${asked === "erase" && html`<${Erasure} id=${user.id} name=${user.userName} onClose=${close} erased=${deleted} />`}`;
}

/** @param {{ ask: (action: string) => void }} props */
function More({ ask }) {
    const element = useDismissable();
    const choose = (/** @type {string} */ action) => {
        if (element.current) element.current.open = false;
        element.current?.querySelector("summary")?.focus(); // So that it has the focus again after the dialog.
        ask(action);
    };
    return html`
        <details class="menu" ref=${element}>
            <summary class="button icon-only" aria-label=${texts.user.more} title=${texts.user.more}><${Icon} name="more" /></summary>
            <div class="menu-content">
                <${Button} kind="danger" onClick=${() => choose("delete")}>${texts.user.delete}<//>
                <p class="small muted">${texts.user.deleteMenu}</p>
                ${can("admin") && html`
                    <${Button} kind="danger" onClick=${() => choose("erase")}>${texts.user.erase}<//>
                    <p class="small muted">${texts.user.eraseMenu}</p>`}
            </div>
        </details>`;
}

/** @param {{ user: any, onClose: () => void, deleted: () => void, restored: (user: any) => void }} props */
function Deletion({ user, onClose, deleted, restored }) {
    const name = nameOf(user);
    const confirm = async () => {
        await request(pathOf(user), { method: "DELETE" });
        if (can("admin")) undoable(texts.user.deleted(name), pathOf(user), () => restoreUser(user.id).then(restored), deleted);
        else toast(texts.user.deleted(name));
        deleted();
    };
    return html`
        <${Confirm} title=${texts.user.deleteTitle(name)} action=${texts.user.delete} danger onConfirm=${confirm} onClose=${onClose}>
            <p>${texts.user.deleteHint}</p>
        <//>`;
}

/**
 * Erases a user that exists or was deleted. The typed name makes sure that it is the right one.
 * @param {{ id: string, name: string, onClose: () => void, erased: () => void }} props
 */
export function Erasure({ id, name, onClose, erased }) {
    const confirm = async () => {
        const { status } = await request(`/users/${id}`, { method: "DELETE", query: { erase: true } });
        toast(status === 202 ? texts.user.erasing : texts.user.erased);
        erased();
    };
    return html`
        <${Confirm} title=${texts.user.eraseTitle} action=${texts.user.erase} danger name=${name} onConfirm=${confirm} onClose=${onClose}>
            <p>${texts.user.eraseHint}</p>
        <//>`;
}

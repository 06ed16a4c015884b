import { html } from "../vendor/htm-preact.js";
import { labelOf, valueAt, withValueAt } from "../attributes.js";
import { Button } from "../components/button.js";
import { fieldError } from "../components/error-notice.js";
import { Checkbox, Field } from "../components/form.js";
import { Section } from "../components/page.js";
import { Picker } from "../components/picker.js";
import { Reference } from "../components/reference.js";
import { texts } from "../texts.js";
import { emailOf, nameOf, searchSources } from "../user-search.js";
import { JsonAttributes } from "./json-attributes.js";
import { ListField } from "./list-field.js";
import { FIELDS, LISTS } from "./sections.js";

/** @typedef {import("../api.js").Problem} Problem */
/** @typedef {(path: string, value: any) => void} SetValue */

/** The externalId that callers of the native API set. */
const NATIVE = "externalIds.native";

/**
 * The fields of a user, with the errors of a problem at their fields.
 * @param {{ draft: import("./drafts.js").Draft, onInput: (draft: import("./drafts.js").Draft) => void, problem: Problem | null }} props
 */
export function Fields({ draft, onInput, problem }) {
    const { mine, json } = draft;
    const set = (/** @type {string} */ path, /** @type {any} */ value) => onInput({ ...draft, mine: withValueAt(mine, path, value) });
    const [account, name, organization, region] = FIELDS;
    const part = (/** @type {typeof account} */ { title, paths }, /** @type {unknown} */ extra = null) =>
        html`<${Part} title=${title} paths=${paths} mine=${mine} set=${set} problem=${problem}>${extra}<//>`;
    const setActive = (/** @type {boolean} */ value) => set("active", value);
    const active = html`<${Checkbox} label=${texts.users.active} checked=${mine.active} onInput=${setActive} />`;
    return html`
        ${part(account, active)}
        ${part(name)}
        <${Section} title=${texts.user.contact}>
            <div class="stack">
                ${LISTS.map((list) => html`
                    <${ListField} key=${list} name=${list} elements=${mine[list]} problem=${problem}
                        onInput=${(/** @type {any[]} */ elements) => set(list, elements)} />`)}
            </div>
        <//>
        ${part(organization, html`<${Manager} manager=${mine.enterprise.manager} set=${set} problem=${problem} />`)}
        ${part(region)}
        <${JsonAttributes} json=${json} onInput=${(/** @type {string} */ text) => onInput({ ...draft, json: text })} problem=${problem} />`;
}

/** @param {{ title: string, paths: string[], mine: any, set: SetValue, problem: Problem | null, children?: unknown }} props */
function Part({ title, paths, mine, set, problem, children }) {
    return html`
        <${Section} title=${title}>
            <div class="fields">
                ${paths.map((path) => html`
                    <${Field} key=${path} label=${path === NATIVE ? texts.users.externalId : labelOf(path)} value=${valueAt(mine, path) ?? ""}
                        error=${fieldError(problem, pointerOf(path), "user")} required=${path === "userName"} autocomplete="off" spellcheck=${false}
                        onInput=${(/** @type {string} */ value) => set(path, value)} />`)}
                ${children}
            </div>
        <//>`;
}

/** @param {string} path */
const pointerOf = (path) => (path === NATIVE ? "/externalId" : `/${path.replace(".", "/")}`);

/** @param {any} user */
const candidate = (user) => html`${nameOf(user)} <span class="muted small">${emailOf(user) ?? user.userName}</span>`;

/** @param {{ manager: any, set: SetValue, problem: Problem | null }} props */
function Manager({ manager, set, problem }) {
    const error = fieldError(problem, "/enterprise/manager/value") ?? fieldError(problem, "/enterprise/manager");
    const choose = (/** @type {any} */ user) => set("enterprise.manager", user && { value: user.id, displayName: nameOf(user) });
    return html`
        <div class="field full">
            <p class="label">${labelOf("enterprise.manager")}</p>
            ${manager
                ? html`<div class="actions"><${Reference} type="user" id=${manager.value} name=${manager.displayName} />
                    <${Button} onClick=${() => choose(null)}>${texts.user.form.removeManager}<//></div>`
                : html`<${Picker} label=${texts.user.form.findManager} search=${searchSources} render=${candidate} onPick=${choose} />`}
            ${error && html`<p class="hint error">${error}</p>`}
        </div>`;
}

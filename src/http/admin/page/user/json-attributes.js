import { html } from "../vendor/htm-preact.js";
import { isObject } from "../attributes.js";
import { Field } from "../components/form.js";
import { texts } from "../texts.js";
import { JSON_ATTRIBUTES } from "./sections.js";

/** The attributes without a field, as text. @param {any} user */
export const jsonOf = (user) => JSON.stringify(Object.fromEntries(JSON_ATTRIBUTES.map((name) => [name, user[name]])), null, 2);

/** The text as attributes, or what is wrong with it. @param {string} json @returns {{ value?: any, error?: string }} */
export function parsed(json) {
    try {
        const value = JSON.parse(json);
        return isObject(value) ? check(value) : { error: texts.user.form.jsonObject };
    } catch (error) {
        return { error: texts.user.form.jsonInvalid(/** @type {Error} */ (error).message) };
    }
}

/** A field that the form has as well would be written twice. @param {any} value */
function check(value) {
    const unknown = Object.keys(value).find((name) => !JSON_ATTRIBUTES.includes(name));
    return unknown === undefined ? { value } : { error: texts.user.form.jsonUnknown(unknown, JSON_ATTRIBUTES) };
}

/** @param {{ json: string, onInput: (json: string) => void, problem: import("../api.js").Problem | null }} props */
export function JsonAttributes({ json, onInput, problem }) {
    const refused = problem?.errors.filter(({ pointer }) => JSON_ATTRIBUTES.includes(pointer.split("/")[1])) ?? [];
    const error = parsed(json).error ?? refused.map(({ pointer, code, detail }) => `${pointer}: ${texts.errors.field(code, detail)}`).join("\n");
    return html`
        <details class="card" open=${!!error}>
            <summary>${texts.user.form.json}</summary>
            <${Field} label=${texts.user.form.jsonLabel} hint=${texts.user.form.jsonHint} error=${error || undefined} value=${json} onInput=${onInput}
                multiline class="mono" rows="16" spellcheck=${false} autocomplete="off" />
        </details>`;
}

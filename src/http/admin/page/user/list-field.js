import { html } from "../vendor/htm-preact.js";
import { labelOf } from "../attributes.js";
import { Button, IconButton } from "../components/button.js";
import { fieldError } from "../components/error-notice.js";
import { Checkbox, Field, useId } from "../components/form.js";
import { texts } from "../texts.js";
import { normalized } from "./patch.js";

const TYPES = ["work", "home", "mobile", "other"];
const NEW = { value: "", display: null, type: "work", primary: false };

/**
 * A list of e-mail addresses or phone numbers.
 * @param {{ name: string, elements: any[], onInput: (elements: any[]) => void, problem: import("../api.js").Problem | null }} props
 */
export function ListField({ name, elements, onInput, problem }) {
    const change = (/** @type {number} */ i, /** @type {any} */ part) =>
        onInput(elements.map((element, j) => (i === j ? { ...element, ...part } : part.primary ? { ...element, primary: false } : element)));
    const error = fieldError(problem, `/${name}`);
    return html`
        <fieldset class="list-field">
            <legend>${labelOf(name)}</legend>
            ${elements.map((element, i) => html`
                <${Row} key=${i} name=${name} number=${i + 1} element=${element} pointer=${`/${name}/${sentIndex(elements, i)}`} problem=${problem}
                    onInput=${(/** @type {any} */ part) => change(i, part)} onRemove=${() => onInput(elements.filter((_, j) => j !== i))} />`)}
            ${error && html`<p class="hint error">${error}</p>`}
            <div><${Button} icon="add" onClick=${() => onInput([...elements, NEW])}>${texts.user.form.addTo[name]}<//></div>
        </fieldset>`;
}

/** Rows that are empty are not sent. @param {any[]} elements @param {number} i */
const sentIndex = (elements, i) => normalized(elements.slice(0, i)).length;

/**
 * @param {{ name: string, number: number, element: any, pointer: string, problem: import("../api.js").Problem | null,
 *     onInput: (part: any) => void, onRemove: () => void }} props
 */
function Row({ name, number, element, pointer, problem, onInput, onRemove }) {
    const id = useId();
    const error = fieldError(problem, `${pointer}/value`) ?? fieldError(problem, pointer);
    const label = texts.user.form.element[name](number);
    return html`
        <div class="list-row">
            <${Field} label=${label} value=${element.value ?? ""} error=${error} autocomplete="off"
                onInput=${(/** @type {string} */ value) => onInput({ value })} />
            <${Field} label=${texts.user.form.type} value=${element.type ?? ""} list=${id} error=${fieldError(problem, `${pointer}/type`)}
                onInput=${(/** @type {string} */ type) => onInput({ type })} />
            <datalist id=${id}>${TYPES.map((type) => html`<option key=${type} value=${type}></option>`)}</datalist>
            <${Checkbox} label=${texts.user.form.primary} checked=${element.primary}
                onInput=${(/** @type {boolean} */ primary) => onInput({ primary })} />
            <${IconButton} icon="close" label=${texts.user.form.remove(label)} onClick=${onRemove} />
        </div>`;
}

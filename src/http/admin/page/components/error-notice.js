import { html } from "../vendor/htm-preact.js";
import { texts } from "../texts.js";
import { Button } from "./button.js";
import { CodeText } from "./code-text.js";
import { Copy } from "./copy.js";
import { Icon } from "./icon.js";
import { Reference } from "./reference.js";

/** @typedef {import("../api.js").Problem} Problem */
/** @typedef {"user" | "group"} Holder What a value that is taken belongs to. */

/**
 * An error with its detail, its invalid fields and its request id. Shows nothing for null.
 * @param {{ error: (Error & Partial<Problem>) | null | undefined, retry?: () => void, holder?: Holder }} props
 */
export function ErrorNotice({ error, retry, holder }) {
    if (!error) return null;
    const errors = error.errors ?? [];
    const taken = holder && takenBy(errors[0], holder, error.body);
    return html`
        <div class="notice bad" role="alert">
            <${Icon} name="error" />
            <div class="notice-body">
                <p>${taken ?? html`<${CodeText} text=${error.detail ?? error.message} />`}</p>
                ${!taken && html`<${FieldErrors} errors=${errors} />`}
                ${error.requestId && html`
                    <p class="small">
                        ${texts.errors.requestId} <code>${error.requestId}</code>
                        <${Copy} value=${error.requestId} label=${texts.errors.copyRequestId} />
                    </p>`}
            </div>
            ${retry && html`<${Button} onClick=${retry}>${texts.common.tryAgain}<//>`}
        </div>`;
}

/** @param {{ errors: import("../api.js").FieldError[] }} props */
function FieldErrors({ errors }) {
    if (!errors.length) return null;
    return html`<ul>${errors.map(({ pointer, code, detail }) => html`<li key=${pointer}><code>${pointer}</code> ${texts.errors.field(code, detail)}</li>`)}</ul>`;
}

/**
 * The error of one field of a form, from a problem with pointers.
 * @param {Problem | null | undefined} problem @param {string} pointer For example `/userName`. @param {Holder} [holder]
 */
export function fieldError(problem, pointer, holder) {
    const error = problem?.errors.find((candidate) => candidate.pointer === pointer);
    return error && ((holder && takenBy(error, holder, problem?.body)) ?? texts.errors.field(error.code, error.detail));
}

/** @param {import("../api.js").FieldError | undefined} error @param {Holder} holder @param {Problem["body"]} [body] */
const takenBy = (error, holder, body) =>
    body?.existingId && html`${texts.errors.belongsTo(error?.pointer.slice(1))} <${Reference} type=${holder} id=${body.existingId} />.`;

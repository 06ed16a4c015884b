import { html } from "../vendor/htm-preact.js";
import { texts } from "../texts.js";
import { Button } from "./button.js";
import { CodeText } from "./code-text.js";
import { Copy } from "./copy.js";
import { Icon } from "./icon.js";

/**
 * An error with its detail, its invalid fields and its request id. Shows nothing for null.
 * @param {{ error: (Error & Partial<import("../api.js").Problem>) | null | undefined, retry?: () => void }} props
 */
export function ErrorNotice({ error, retry }) {
    if (!error) return null;
    return html`
        <div class="notice bad" role="alert">
            <${Icon} name="error" />
            <div class="notice-body">
                <p><${CodeText} text=${error.detail ?? error.message} /></p>
                <${FieldErrors} errors=${error.errors ?? []} />
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
    return html`<ul>${errors.map(({ pointer, detail }) => html`<li key=${pointer}><code>${pointer}</code> ${detail}</li>`)}</ul>`;
}

/**
 * The error of one field of a form, from a problem with pointers.
 * @param {import("../api.js").Problem | null | undefined} problem @param {string} pointer For example `/userName`.
 */
export const fieldError = (problem, pointer) => problem?.errors.find((error) => error.pointer === pointer)?.detail;

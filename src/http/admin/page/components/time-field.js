import { html } from "../vendor/htm-preact.js";
import { Field } from "./form.js";

/** A field for a time in the reader's zone. The value is in UTC (RFC 3339), or "". @param {{ label: string, value: string, onInput: (value: string) => void } & Record<string, unknown>} props */
export function TimeField({ label, value, onInput, ...attributes }) {
    const change = (/** @type {any} */ event) => onInput(toUtc(event.target.value));
    // The value is read when it is complete, because the parts of a time are typed one by one.
    return html`<${Field} type="datetime-local" step="1" label=${label} value=${toLocal(value)} onInput=${() => {}} onChange=${change} ...${attributes} />`;
}

/** @param {string} value */
function toLocal(value) {
    const date = new Date(value);
    if (!value || Number.isNaN(date.getTime())) return "";
    return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/** @param {string} local */
const toUtc = (local) => (local ? new Date(local).toISOString() : "");

import { html } from "../vendor/htm-preact.js";
import { texts } from "../texts.js";
import { Button } from "./button.js";
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

const DAY_MS = 86_400_000;

/** @type {[keyof typeof texts.filters.periods, () => number][]} */
const PERIODS = [["hour", () => Date.now() - DAY_MS / 24], ["today", () => new Date().setHours(0, 0, 0, 0)], ["week", () => Date.now() - 7 * DAY_MS]];

/** The period of a log, which is in the URL. @param {{ since: string, until: string, set: (period: Record<string, string | null>) => void }} props */
export function Period({ since, until, set }) {
    return html`
        <${TimeField} label=${texts.filters.since} value=${since} onInput=${(/** @type {string} */ value) => set({ since: value })} />
        <${TimeField} label=${texts.filters.until} value=${until} onInput=${(/** @type {string} */ value) => set({ until: value })} />
        <div class="periods">
            ${PERIODS.map(([name, start]) => html`
                <${Button} key=${name} onClick=${() => set({ since: new Date(start()).toISOString(), until: null })}>${texts.filters.periods[name]}<//>`)}
        </div>`;
}

import { html } from "../vendor/htm-preact.js";
import { isPresent } from "../attributes.js";
import { texts } from "../texts.js";
import { Reference } from "./reference.js";
import { Time } from "./time.js";

const TIME = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/;

/** The order of the API is not that of an envelope. */
const ADDRESS = ["streetAddress", "postalCode", "locality", "region", "country"];

/** A line never begins with the dot. */
const SEPARATOR = "\u00a0· ";

/** The value of an attribute of a user or a group. @param {{ path: string, value: any }} props */
export function AttributeValue({ path, value }) {
    if (!isPresent(value)) return html`<span class="muted">${texts.attributes.absent}</span>`;
    if (path === "active") return value ? texts.users.active : texts.users.inactive;
    if (path === "enterprise.manager") return html`<${Reference} type="user" id=${value} />`;
    if (Array.isArray(value)) return html`<ul>${value.map((element, i) => html`<li key=${i}><${ListElement} element=${element} /></li>`)}</ul>`;
    if (typeof value === "object") return html`<pre>${JSON.stringify(value, null, 2)}</pre>`;
    return TIME.test(value) ? html`<${Time} value=${value} form="precise" />` : String(value);
}

/** An element of a list, such as an e-mail address with its type. @param {{ element: any }} props */
export function ListElement({ element }) {
    const { value, display, type, primary, formatted } = element;
    const address = formatted ?? ADDRESS.map((name) => element[name]).filter(Boolean).join(", ");
    const details = [type, value && display, primary && texts.attributes.primary].filter(Boolean).join(SEPARATOR);
    return html`${value ?? (address || display)}${details && html` <span class="muted small">${details}</span>`}`;
}

import { html } from "../vendor/htm-preact.js";
import { differences, isEqual, isPresent, labelOf } from "../attributes.js";
import { texts } from "../texts.js";
import { Name, Reference } from "./reference.js";
import { Time } from "./time.js";

/** @typedef {import("../attributes.js").Difference} Difference */

/**
 * The attributes that differ between two states, such as `before` and `after` of a change, each with both values.
 * `action` renders something at the end of each attribute.
 * @param {{ before: any, after: any, action?: (difference: Difference) => unknown }} props
 */
export function Diff({ before, after, action }) {
    return html`
        <dl class="diff">
            ${differences(before, after).map((difference) => html`
                <div key=${difference.path}>
                    <dt><${Label} path=${difference.path} /></dt>
                    <dd><${Values} ...${difference} />${action?.(difference)}</dd>
                </div>`)}
        </dl>`;
}

/** @param {{ path: string }} props */
export function Label({ path }) {
    const [name, source] = path.split(".");
    if (name !== "externalIds") return labelOf(path);
    return source === "native" ? "externalId" : html`externalId (<${Name} type="connection" id=${source} />)`;
}

/** @param {Difference} props */
function Values({ path, before, after }) {
    if (Array.isArray(before ?? after)) return html`<${Elements} before=${before ?? []} after=${after ?? []} />`;
    return html`
        ${before !== undefined && html`<${Removed}><${AttributeValue} path=${path} value=${before} /><//>`}
        ${after !== undefined && html`<${Added}><${AttributeValue} path=${path} value=${after} /><//>`}`;
}

/** Of lists, only the elements that differ. @param {{ before: any[], after: any[] }} props */
function Elements({ before, after }) {
    const without = (/** @type {any[]} */ list, /** @type {any[]} */ other) => list.filter((a) => !other.some((b) => isEqual(a, b)));
    return html`
        ${without(before, after).map((element, i) => html`<${Removed} key=${`-${i}`}><${ListElement} element=${element} /><//>`)}
        ${without(after, before).map((element, i) => html`<${Added} key=${`+${i}`}><${ListElement} element=${element} /><//>`)}`;
}

/** @param {{ children?: unknown }} props */
const Removed = ({ children }) => html`<del><span class="visually-hidden">${texts.attributes.before} </span>${children}</del>`;

/** @param {{ children?: unknown }} props */
const Added = ({ children }) => html`<ins><span class="visually-hidden">${texts.attributes.after} </span>${children}</ins>`;

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

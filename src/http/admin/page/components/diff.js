import { html } from "../vendor/htm-preact.js";
import { differences, isEqual, labelOf } from "../attributes.js";
import { texts } from "../texts.js";
import { AttributeValue, ListElement } from "./attribute-value.js";
import { Name } from "./reference.js";

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

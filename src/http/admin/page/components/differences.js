import { html } from "../vendor/htm-preact.js";
import { byLabel, isEqual, isObject, isPresent, labelOf } from "../attributes.js";
import { texts } from "../texts.js";
import { AttributeValue, ListElement } from "./attribute-value.js";
import { Name } from "./reference.js";

/** @typedef {Record<string, any> | null | undefined} Attributes */
/** @typedef {{ path: string, before: any, after: any }} Difference */

/**
 * What a change did: each attribute with its values before and after. Attributes that did not change are left out, and
 * so are empty ones of a resource that was created or deleted.
 * @param {{ before: Attributes, after: Attributes }} props
 */
export function Differences({ before, after }) {
    const rows = differences(before, after);
    if (!rows.length) return html`<p class="muted">${texts.differences.none}</p>`;
    return html`
        <table class="differences">
            <thead>
                <tr>
                    <th scope="col">${texts.differences.attribute}</th>
                    ${before && html`<th scope="col">${texts.differences.before}</th>`}
                    ${after && html`<th scope="col">${texts.differences.after}</th>`}
                </tr>
            </thead>
            <tbody>
                ${rows.map((row) => html`
                    <tr key=${row.path}>
                        <th scope="row"><${Label} path=${row.path} /></th>
                        ${before && html`<td><${Value} path=${row.path} value=${row.before} other=${row.after} tag="del" /></td>`}
                        ${after && html`<td><${Value} path=${row.path} value=${row.after} other=${row.before} tag="ins" /></td>`}
                    </tr>`)}
            </tbody>
        </table>`;
}

/** The externalId of a connection has the connection's id in its path. @param {{ path: string }} props */
function Label({ path }) {
    const [, source] = /^externalIds\.(.+)$/.exec(path) ?? [];
    if (!source || source === "native") return labelOf(path);
    return html`externalId (<${Name} type="connection" id=${source} />)`;
}

/**
 * A value. In a list, only the elements that the other list lacks are marked.
 * @param {{ path: string, value: any, other: any, tag: "del" | "ins" }} props
 */
function Value({ path, value, other, tag }) {
    if (!isPresent(value)) return html`<span class="muted">—</span>`;
    if (!Array.isArray(value)) return html`<${tag}><${AttributeValue} path=${path} value=${value} /><//>`;
    const others = Array.isArray(other) ? other : [];
    const kept = (/** @type {any} */ element) => others.some((candidate) => isEqual(candidate, element));
    return html`<ul>${value.map((element, i) => html`<li key=${i}><${Element} element=${element} tag=${kept(element) ? "span" : tag} /></li>`)}</ul>`;
}

/** @param {{ element: any, tag: string }} props */
const Element = ({ element, tag }) => html`<${tag}>${isObject(element) ? html`<${ListElement} element=${element} />` : String(element)}<//>`;

/** The attributes that differ, in the order of their labels. @param {Attributes} before @param {Attributes} after @returns {Difference[]} */
export function differences(before, after) {
    const [old, current] = [flatten(before ?? {}), flatten(after ?? {})];
    return [...new Set([...old.keys(), ...current.keys()])]
        .sort(byLabel)
        .map((path) => ({ path, before: old.get(path), after: current.get(path) }))
        .filter((row) => (isPresent(row.before) || isPresent(row.after)) && !isEqual(row.before, row.after));
}

/**
 * Objects are compared by their members: `name.givenName`. The manager is one value, the id.
 * @param {object} value @param {string} [prefix] @param {Map<string, any>} [into]
 */
function flatten(value, prefix = "", into = new Map()) {
    for (const [name, member] of Object.entries(value)) {
        const path = prefix + name;
        if (path === "enterprise.manager") into.set(path, member?.value);
        else if (isObject(member)) flatten(member, `${path}.`, into);
        else into.set(path, member);
    }
    return into;
}

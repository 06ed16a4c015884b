import { html } from "../vendor/htm-preact.js";
import { useName } from "../name-cache.js";
import { Link } from "../router.js";
import { can } from "../session.js";
import { texts } from "../texts.js";

/** @typedef {import("../name-cache.js").Type} Type */

/** The beginnings of the paths. @type {Record<Type, string>} */
const COLLECTIONS = { user: "users", group: "groups", connection: "connections", key: "keys" };

/** The name of a resource, or the end of its id if it has none. @param {{ type: Type, id: string, name?: string }} props */
export function Name({ type, id, name }) {
    const found = useName(type, id);
    const shown = name || found;
    if (shown) return html`<span title=${id}>${shown}</span>`;
    return html`<code title=${id}>…${id.slice(-8)}</code>`;
}

/**
 * A link to a user, a group, a connection or a key with its name. `name` is shown until the present one is known.
 * @param {{ type: Type, id: string, name?: string }} props
 */
export function Reference({ type, id, name }) {
    const permitted = type === "user" || type === "group" || can("admin");
    const content = html`<${Name} type=${type} id=${id} name=${name} />`;
    if (!permitted) return content;
    if (type === "key") return html`<${Link} to="/keys">${content}<//>`;
    return html`<${Link} to=${`/${COLLECTIONS[type]}/${id}`}>${content}<//>`;
}

/** Who made a change, alone or within a sentence. @param {{ actor: { type: string, id: string }, within?: boolean }} props */
export function Actor({ actor: { type, id }, within = false }) {
    const kind = within ? texts.actorWithin(type) : texts.actors[type];
    if (type !== "key" && type !== "connection") return html`<span>${kind}</span>`;
    return html`<span class="muted">${kind}</span>${" "}<${Reference} type=${type} id=${id} />`;
}

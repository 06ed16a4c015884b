import { html } from "../vendor/htm-preact.js";
import { texts } from "../texts.js";
import { Reference } from "./reference.js";

/** Who made a change. @param {{ actor: { type: string, id: string } }} props */
export function Actor({ actor: { type, id } }) {
    if (type !== "key" && type !== "connection") return html`<span>${texts.actors[type] ?? type}</span>`;
    return html`<span class="muted">${texts.actors[type]}</span>${" "}<${Reference} type=${type} id=${id} />`;
}

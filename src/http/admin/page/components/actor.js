import { html } from "../vendor/htm-preact.js";
import { texts } from "../texts.js";
import { Reference } from "./reference.js";

/** Who made a change, alone or within a sentence. @param {{ actor: { type: string, id: string }, within?: boolean }} props */
export function Actor({ actor: { type, id }, within = false }) {
    const kind = within ? texts.actorWithin(type) : texts.actors[type];
    if (type !== "key" && type !== "connection") return html`<span>${kind}</span>`;
    return html`<span class="muted">${kind}</span>${" "}<${Reference} type=${type} id=${id} />`;
}

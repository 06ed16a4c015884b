import { html } from "../vendor/htm-preact.js";
import { useList } from "../hooks.js";
import { can } from "../session.js";
import { texts } from "../texts.js";
import { Select } from "./form.js";

/** @typedef {{ type: string, id: string }} Actor */

const LIMIT = 500;

/** An actor as one value, for URLs and options: `key:<id>`. @param {Actor} actor */
export const actorValue = ({ type, id }) => `${type}:${id}`;

/** @param {string} value @returns {Actor | null} */
export function parseActor(value) {
    const [type, ...id] = value.split(":");
    return id.length ? { type, id: id.join(":") } : null;
}

/**
 * Chooses a key, a connection, the admin key or the command line.
 * @param {{ label: string, value: string, onInput: (value: string) => void, none: string } & Record<string, unknown>} props
 */
export function ActorSelect({ label, value, onInput, none, ...attributes }) {
    const admin = can("admin");
    const connections = useList(admin ? "/connections" : null, { limit: LIMIT });
    const keys = useList(admin ? "/keys" : null, { limit: LIMIT });
    const options = [
        { value: "", label: none },
        ...optionsOf("connection", connections.items),
        ...optionsOf("key", keys.items),
        { value: "admin:admin", label: texts.actors.admin },
        { value: "cli:cli", label: texts.actors.cli },
    ];
    // One that is deleted, or not loaded yet.
    const known = options.some((option) => option.value === value);
    if (!known) options.push({ value, label: value.slice(0, value.indexOf(":") + 1) + value.slice(-8) });
    return html`<${Select} label=${label} value=${value} onInput=${onInput} options=${options} ...${attributes} />`;
}

/** @param {string} type @param {any[]} items */
const optionsOf = (type, items) => items.map(({ id, name }) => ({ value: `${type}:${id}`, label: texts.actorSelect[type](name ?? `…${id.slice(-8)}`) }));

import { html, useState } from "../vendor/htm-preact.js";
import { Problem, request } from "../api.js";
import { Button } from "../components/button.js";
import { Diff } from "../components/diff.js";
import { ErrorNotice, fieldError } from "../components/error-notice.js";
import { Checkbox, Field, Form, Select } from "../components/form.js";
import { Section } from "../components/page.js";
import { Reference } from "../components/reference.js";
import { toast } from "../components/toasts.js";
import { useAction } from "../hooks.js";
import { texts } from "../texts.js";
/**
 * @typedef {object} Draft The state of the form. Numbers are the texts of their fields.
 * @property {string} name @property {string} profile @property {string} mode
 * @property {boolean} brake @property {string} users @property {string} percent @property {string} hours
 * @property {string} replaces The id of a connection, or "".
 */

const t = texts.connectionSettings;
const DEFAULTS = { users: 20, percent: 10, hours: 24 };

/** @type {{ name: "users" | "percent" | "hours", min: number, max: number }[]} */
const BRAKE = [{ name: "users", min: 0, max: 1_000_000 }, { name: "percent", min: 0, max: 100 }, { name: "hours", min: 1, max: 720 }];

/** Edits a connection. @param {{ connection: any, onChange: () => void }} props */
export function ConnectionSettings({ connection, onChange }) {
    const [draft, setDraft] = useState(draftOf(connection));
    // The present state, if somebody else has saved since the form was filled.
    const [theirs, setTheirs] = useState(/** @type {any} */ (null));
    const { run, busy, error } = useAction(async () => {
        try {
            await request(`/connections/${connection.id}`, { method: "PATCH", body: toBody(draft), ifMatch: (theirs ?? connection).version });
        } catch (problem) {
            if (!(problem instanceof Problem && problem.status === 412)) throw problem;
            setTheirs((await request(`/connections/${connection.id}`)).data);
            return;
        }
        toast(t.saved);
        onChange();
    });
    return html`
        <${Section} title=${t.title}>
            <${Form} class="stack narrow-form" onSubmit=${() => !busy && run()}>
                <${ConnectionFields} draft=${draft} onInput=${setDraft} error=${error} />
                ${connection.replaces && html`<p>${t.replaces} <${Reference} type="connection" id=${connection.replaces} /></p>`}
                ${connection.held && html`<p class="hint">${t.heldHint}</p>`}
                ${goesLive(connection, draft) && html`<p class="notice warning">${t.goLive}</p>`}
                ${!fieldError(error, "/name") && html`<${ErrorNotice} error=${error} />`}
                ${theirs && html`<${Outdated} theirs=${theirs} mine=${toBody(draft)} />`}
                <div class="actions">
                    <${Button} kind="primary" type="submit" busy=${busy}>${theirs ? t.overwrite : t.save}<//>
                    ${theirs && html`<${Button} onClick=${onChange}>${t.discard}<//>`}
                </div>
            <//>
        <//>`;
}

/** What saving would change in the present state. @param {{ theirs: any, mine: ReturnType<typeof toBody> }} props */
const Outdated = ({ theirs, mine }) => html`
    <div class="notice warning" role="alert">
        <div class="notice-body stack"><p>${t.outdated}</p><${Diff} before=${toBody(draftOf(theirs))} after=${mine} /></div>
    </div>`;

/** @param {any} connection @param {Draft} draft */
const goesLive = (connection, draft) => connection.mode === "dry" && draft.mode === "live";

/** @param {any} connection A connection, or only the name of a new one. @returns {Draft} */
export function draftOf({ name, profile = "lenient", mode = "live", brake = DEFAULTS }) {
    const { users, percent, hours } = brake ?? DEFAULTS;
    return { name, profile, mode, brake: brake !== null, users: `${users}`, percent: `${percent}`, hours: `${hours}`, replaces: "" };
}

/** @param {Draft} draft */
export function toBody({ name, profile, mode, brake, users, percent, hours, replaces }) {
    const limit = brake ? { users: Number(users), percent: Number(percent), hours: Number(hours) } : null;
    return { name: name.trim(), profile, mode, brake: limit, ...(replaces && { replaces }) };
}

/**
 * The settings of a connection. `connections` are offered as those that a new connection can replace.
 * @param {{ draft: Draft, onInput: (draft: Draft) => void, error: import("../api.js").Problem | null, connections?: any[] }} props
 */
export function ConnectionFields({ draft, onInput, error, connections }) {
    const t = texts.connectionFields;
    const set = (/** @type {keyof Draft} */ name) => (/** @type {any} */ value) => onInput({ ...draft, [name]: value });
    return html`
        <${Field} label=${t.name} hint=${t.nameHint} value=${draft.name} onInput=${set("name")} error=${fieldError(error, "/name")}
            required maxlength="256" autocomplete="off" />
        <${Select} label=${t.mode} hint=${t.modeHints[draft.mode]} value=${draft.mode} onInput=${set("mode")} options=${optionsOf(texts.connections.modes)} />
        <${Select} label=${t.profile} hint=${t.profileHints[draft.profile]} value=${draft.profile} onInput=${set("profile")}
            options=${optionsOf(texts.connections.profiles)} />
        <${Checkbox} label=${t.brake} hint=${draft.brake ? t.brakeHint : t.noBrakeHint} checked=${draft.brake} onInput=${set("brake")} />
        ${draft.brake && html`
            <div class="brake-fields">
                ${BRAKE.map(({ name, min, max }) => html`
                    <${Field} key=${name} label=${t.limits[name]} value=${draft[name]} onInput=${set(name)} error=${fieldError(error, `/brake/${name}`)}
                        type="number" inputmode="numeric" min=${min} max=${max} required />`)}
            </div>`}
        ${connections && connections.length > 0 && html`
            <${Select} label=${t.replaces} hint=${t.replacesHint} value=${draft.replaces} onInput=${set("replaces")}
                error=${fieldError(error, "/replaces")}
                options=${[{ value: "", label: t.replacesNone }, ...connections.map(({ id, name }) => ({ value: id, label: name }))]} />`}`;
}

/** @param {Record<string, string>} labels */
const optionsOf = (labels) => Object.entries(labels).map(([value, label]) => ({ value, label }));

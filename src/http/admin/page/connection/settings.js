import { html, useState } from "../vendor/htm-preact.js";
import { Problem, request } from "../api.js";
import { Button } from "../components/button.js";
import { Diff } from "../components/diff.js";
import { ErrorNotice, fieldError } from "../components/error-notice.js";
import { Form } from "../components/form.js";
import { Section } from "../components/page.js";
import { Reference } from "../components/reference.js";
import { toast } from "../components/toasts.js";
import { useAction } from "../hooks.js";
import { texts } from "../texts.js";
import { ConnectionFields, draftOf, toBody } from "./fields.js";

const t = texts.connectionSettings;

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

/** @param {any} connection @param {import("./fields.js").Draft} draft */
const goesLive = (connection, draft) => connection.mode === "dry" && draft.mode === "live";

import { html, useState } from "../vendor/htm-preact.js";
import { Problem, request } from "../api.js";
import { Button } from "../components/button.js";
import { ConnectionFields, draftOf, toBody } from "./fields.js";
import { ErrorNotice } from "../components/error-notice.js";
import { Form } from "../components/form.js";
import { Section } from "../components/page.js";
import { Reference } from "../components/reference.js";
import { toast } from "../components/toasts.js";
import { useAction } from "../hooks.js";
import { texts } from "../texts.js";

const t = texts.connectionSettings;

/** Edits a connection. @param {{ connection: any, onChange: () => void }} props */
export function ConnectionSettings({ connection, onChange }) {
    const [draft, setDraft] = useState(draftOf(connection));
    // The version that was edited: if somebody else saves meanwhile, the form keeps its values and says so.
    const [version, setVersion] = useState(connection.version);
    const { run, busy, error } = useAction(async () => {
        const body = toBody(draft);
        await request(`/connections/${connection.id}`, { method: "PATCH", body, ifMatch: version });
        toast(t.saved);
        onChange();
    });
    const outdated = error instanceof Problem && error.status === 412;
    const takeOver = async () => setVersion((await request(`/connections/${connection.id}`)).data.version);
    return html`
        <${Section} title=${t.title}>
            <${Form} class="stack narrow-form" onSubmit=${() => !busy && run()}>
                <${ConnectionFields} draft=${draft} onInput=${setDraft} error=${error} />
                ${connection.replaces && html`<p>${t.replaces} <${Reference} type="connection" id=${connection.replaces} /></p>`}
                ${goesLive(connection, draft) && html`<p class="notice warning">${t.goLive}</p>`}
                ${outdated ? html`<p class="notice warning" role="alert">${t.outdated}</p>` : html`<${ErrorNotice} error=${error} />`}
                <div class="actions">
                    <${Button} kind="primary" type="submit" busy=${busy}>${t.save}<//>
                    ${outdated && version === connection.version && html`<${Button} onClick=${takeOver}>${t.overwrite}<//>`}
                </div>
            <//>
        <//>`;
}

/** @param {any} connection @param {import("./fields.js").Draft} draft */
const goesLive = (connection, draft) => connection.mode === "dry" && draft.mode === "live";

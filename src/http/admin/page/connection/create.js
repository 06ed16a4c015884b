import { html, useState } from "../vendor/htm-preact.js";
import { request } from "../api.js";
import { Button } from "../components/button.js";
import { ConnectionFields, draftOf, toBody } from "./settings.js";
import { Dialog } from "../components/dialog.js";
import { ErrorNotice, fieldError } from "../components/error-notice.js";
import { Form, Select } from "../components/form.js";
import { useAction } from "../hooks.js";
import { navigate } from "../router.js";
import { texts } from "../texts.js";
import { ProviderSettings } from "./tokens.js";

/** @typedef {{ connection: any, token: any }} Created */

/**
 * Creates a connection and its first token, and then shows what to enter at the identity provider.
 * @param {{ connections: any[], onClose: () => void }} props
 */
export function CreateConnection({ connections, onClose }) {
    const [provider, setProvider] = useState(texts.providers[0]);
    const [created, setCreated] = useState(/** @type {Created | null} */ (null));
    if (!created) return html`<${Questions} ...${{ connections, provider, setProvider, setCreated, onClose }} />`;
    // Esc does not close this dialog, because the token is not shown again.
    return html`
        <${Dialog} title=${texts.createConnection.createdTitle(created.connection.name)} wide>
            <div class="stack">
                <${ProviderSettings} provider=${provider} token=${created.token} dry=${created.connection.mode === "dry"} />
                <div class="dialog-actions">
                    <${Button} kind="primary" onClick=${() => navigate(`/connections/${created.connection.id}`)}>${texts.createConnection.done}<//>
                </div>
            </div>
        <//>`;
}

/**
 * @param {{ connections: any[], provider: typeof texts.providers[0], setProvider: (provider: typeof texts.providers[0]) => void,
 *     setCreated: (created: Created) => void, onClose: () => void }} props
 */
function Questions({ connections, provider, setProvider, setCreated, onClose }) {
    const [draft, setDraft] = useState(draftOf({ name: provider.name }));
    // If only the token fails, the connection exists, and only the token is created again.
    const [connection, setConnection] = useState(/** @type {any} */ (null));
    const { run, busy, error } = useAction(async () => {
        const stored = connection ?? (await request("/connections", { method: "POST", body: toBody(draft) })).data;
        setConnection(stored);
        const token = await request(`/connections/${stored.id}/tokens`, { method: "POST", body: { name: texts.createConnection.tokenName } });
        setCreated({ connection: stored, token: token.data });
    });
    const choose = (/** @type {string} */ id) => {
        const next = texts.providers.find((candidate) => candidate.id === id) ?? provider;
        if (draft.name === provider.name) setDraft({ ...draft, name: next.name });
        setProvider(next);
    };
    const options = texts.providers.map(({ id, label }) => ({ value: id, label }));
    return html`
        <${Dialog} title=${texts.createConnection.title} onClose=${onClose}>
            <${Form} onSubmit=${() => !busy && run()}>
                <${Select} label=${texts.createConnection.provider} hint=${provider.hint ?? texts.createConnection.providerHint}
                    value=${provider.id} onInput=${choose} options=${options} autofocus />
                <${ConnectionFields} draft=${draft} onInput=${setDraft} error=${error} connections=${connections} />
                ${!fieldError(error, "/name") && html`<${ErrorNotice} error=${error} />`}
                <div class="dialog-actions">
                    <${Button} onClick=${onClose}>${texts.common.cancel}<//>
                    <${Button} kind="primary" type="submit" busy=${busy} disabled=${!draft.name.trim()}>${texts.createConnection.submit}<//>
                </div>
            <//>
        <//>`;
}

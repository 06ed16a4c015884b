import { html, useState } from "../vendor/htm-preact.js";
import { request } from "../api.js";
import { Button } from "../components/button.js";
import { CopyValue } from "../components/copy.js";
import { Dialog } from "../components/dialog.js";
import { ErrorNotice, fieldError } from "../components/error-notice.js";
import { Field, Form, Select } from "../components/form.js";
import { Icon } from "../components/icon.js";
import { useAction } from "../hooks.js";
import { can } from "../session.js";
import { texts } from "../texts.js";

/** @type {import("../session.js").Role[]} */
const ROLES = ["reader", "writer", "admin", "operator"];
const DAYS = ["30", "90", "365"];
const DAY_MS = 86_400_000;

/** Creates a key, and then shows its secret. @param {{ onCreated: () => void, onClose: () => void }} props */
export function NewKey({ onCreated, onClose }) {
    const [secret, setSecret] = useState(/** @type {string | null} */ (null));
    const created = (/** @type {string} */ value) => {
        setSecret(value);
        onCreated();
    };
    if (secret) return html`<${Secret} key="secret" secret=${secret} onClose=${onClose} />`;
    return html`<${KeyForm} key="form" onCreated=${created} onClose=${onClose} />`;
}

/** @param {{ onCreated: (secret: string) => void, onClose: () => void }} props */
function KeyForm({ onCreated, onClose }) {
    const [name, setName] = useState("");
    const [role, setRole] = useState("reader");
    const [expiry, setExpiry] = useState("90");
    const [date, setDate] = useState("");
    const { run, busy, error } = useAction(async () => {
        const body = { name: name.trim() || null, role, expiresAt: expiryTime(expiry, date) };
        const { data } = await request("/keys", { method: "POST", body });
        onCreated(data.secret);
    });
    const roles = ROLES.filter(can).map((value) => ({ value, label: texts.keys.roles[value] }));
    return html`
        <${Dialog} title=${texts.keys.create} onClose=${onClose}>
            <${Form} onSubmit=${() => !busy && run()}>
                <${Field} label=${texts.keys.name} value=${name} onInput=${setName} hint=${texts.keys.nameHint}
                    error=${fieldError(error, "/name")} maxlength="256" autofocus autocomplete="off" />
                <${Select} label=${texts.keys.role} value=${role} onInput=${setRole} options=${roles} />
                <${Select} label=${texts.keys.expires} value=${expiry} onInput=${setExpiry} options=${expiryOptions} />
                ${expiry === "date" && html`
                    <${Field} label=${texts.keys.expiryDate} type="datetime-local" value=${date} onInput=${setDate} required
                        error=${fieldError(error, "/expiresAt")} />`}
                <${ErrorNotice} error=${error} />
                <div class="dialog-actions">
                    <${Button} onClick=${onClose}>${texts.common.cancel}<//>
                    <${Button} kind="primary" type="submit" busy=${busy}>${texts.keys.createAction}<//>
                </div>
            <//>
        <//>`;
}

const expiryOptions = [
    ...DAYS.map((value) => ({ value, label: texts.keys.inDays(Number(value)) })),
    { value: "date", label: texts.keys.atTime },
    { value: "never", label: texts.keys.never },
];

/** @param {string} expiry @param {string} date A time without a zone, which is in that of the reader. */
function expiryTime(expiry, date) {
    if (expiry === "never") return null;
    const time = expiry === "date" ? new Date(date) : new Date(Date.now() + Number(expiry) * DAY_MS);
    return time.toISOString();
}

/** The only time that the secret is shown, so Esc does not close this dialog. @param {{ secret: string, onClose: () => void }} props */
function Secret({ secret, onClose }) {
    return html`
        <${Dialog} title=${texts.keys.secretTitle}>
            <div class="stack">
                <div class="notice warning">
                    <${Icon} name="error" />
                    <p class="notice-body">${texts.keys.secretWarning}</p>
                </div>
                <${CopyValue} value=${secret} label=${texts.keys.copySecret} />
                <div class="dialog-actions">
                    <${Button} kind="primary" onClick=${onClose}>${texts.keys.secretDone}<//>
                </div>
            </div>
        <//>`;
}

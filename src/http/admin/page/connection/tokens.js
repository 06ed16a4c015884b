import { html, useState } from "../vendor/htm-preact.js";
import { request } from "../api.js";
import { Badge } from "../components/badge.js";
import { Button } from "../components/button.js";
import { CodeText } from "../components/code-text.js";
import { CopyValue } from "../components/copy.js";
import { Confirm, Dialog } from "../components/dialog.js";
import { EmptyState } from "../components/empty-state.js";
import { ErrorNotice, fieldError } from "../components/error-notice.js";
import { Field, Form } from "../components/form.js";
import { Icon } from "../components/icon.js";
import { Section } from "../components/page.js";
import { Table } from "../components/table.js";
import { TimeField } from "../components/time-field.js";
import { Time } from "../components/time.js";
import { toast } from "../components/toasts.js";
import { useAction, useList } from "../hooks.js";
import { texts } from "../texts.js";

/** @typedef {typeof texts.providers[0]} Provider */

const t = texts.tokens;
const MOST_ACTIVE = 2;

/** The tokens of a connection. Two can be active, so that they can be replaced without interruption. @param {{ connection: any }} props */
export function Tokens({ connection }) {
    const list = useList(`/connections/${connection.id}/tokens`, { limit: 100 });
    const [creating, setCreating] = useState(false);
    const [revoking, setRevoking] = useState(/** @type {any} */ (null));
    const active = list.items.filter(({ revokedAt }) => !revokedAt).length;
    const create = html`
        <${Button} icon="add" disabled=${active >= MOST_ACTIVE} title=${active >= MOST_ACTIVE ? t.twoActive : undefined}
            onClick=${() => setCreating(true)}>${t.create}<//>`;
    return html`
        <${Section} title=${t.title} actions=${create}>
            <p class="muted section-lead">${active >= MOST_ACTIVE ? t.twoActive : t.rotation}</p>
            <${Table} caption=${t.title} columns=${columns(setRevoking)} list=${list}
                empty=${html`<${EmptyState} title=${t.none} hint=${t.noneHint} />`} />
        <//>
        ${creating && html`<${CreateToken} connection=${connection} onClose=${() => (setCreating(false), list.reload())} />`}
        ${revoking && html`<${RevokeToken} connection=${connection} token=${revoking} active=${active} onClose=${() => (setRevoking(null), list.reload())} />`}`;
}

/** @param {(token: any) => void} revoke @returns {import("../components/table.js").Column[]} */
function columns(revoke) {
    const time = (/** @type {string} */ name, /** @type {any} */ form = "short") => (/** @type {any} */ token) => html`<${Time} value=${token[name]} form=${form} />`;
    const action = (/** @type {any} */ token) => (token.revokedAt
        ? html`<span class="visually-hidden">—</span>`
        : html`<${Button} kind="danger" aria-label=${t.revokeOf(token.name)} onClick=${() => revoke(token)}>${t.revoke}<//>`);
    return [
        { id: "name", label: t.name, render: (token) => html`${token.name ?? t.unnamed} <${State} ...${token} />` },
        { id: "created", label: t.created, width: "medium", render: time("createdAt") },
        { id: "used", label: t.used, width: "medium", render: time("lastUsedAt", "relative") },
        { id: "expires", label: t.expires, width: "medium", render: time("expiresAt") },
        { id: "revoke", label: t.action, width: "narrow", render: action },
    ];
}

/** @param {{ revokedAt: string | null, expiresAt: string | null }} token */
function State({ revokedAt, expiresAt }) {
    if (revokedAt) return html`<${Badge}>${t.revoked}<//>`;
    const expired = expiresAt !== null && new Date(expiresAt) <= new Date();
    return expired ? html`<${Badge} kind="bad">${t.expired}<//>` : html`<${Badge} kind="good">${t.active}<//>`;
}

/** @param {{ connection: any, onClose: () => void }} props */
function CreateToken({ connection, onClose }) {
    const [name, setName] = useState("");
    const [expiresAt, setExpiresAt] = useState("");
    const [token, setToken] = useState(/** @type {any} */ (null));
    const { run, busy, error } = useAction(async () => {
        const body = { name: name.trim() || null, expiresAt: expiresAt || null };
        setToken((await request(`/connections/${connection.id}/tokens`, { method: "POST", body })).data);
    });
    if (token) {
        return html`
            <${Dialog} title=${t.createdTitle} wide>
                <div class="stack">
                    <${ProviderSettings} provider=${texts.otherProvider} token=${token} />
                    <div class="dialog-actions"><${Button} kind="primary" onClick=${onClose}>${texts.createConnection.done}<//></div>
                </div>
            <//>`;
    }
    return html`
        <${Dialog} title=${t.create} onClose=${onClose}>
            <${Form} onSubmit=${() => !busy && run()}>
                <${Field} label=${t.name} hint=${t.nameHint} value=${name} onInput=${setName} error=${fieldError(error, "/name")} maxlength="256" autofocus />
                <${TimeField} label=${t.expires} hint=${t.expiresHint} value=${expiresAt} onInput=${setExpiresAt} error=${fieldError(error, "/expiresAt")} />
                <${ErrorNotice} error=${error} />
                <div class="dialog-actions">
                    <${Button} onClick=${onClose}>${texts.common.cancel}<//>
                    <${Button} kind="primary" type="submit" busy=${busy}>${t.create}<//>
                </div>
            <//>
        <//>`;
}

/** @param {{ connection: any, token: any, active: number, onClose: () => void }} props */
function RevokeToken({ connection, token, active, onClose }) {
    const revoke = async () => {
        await request(`/connections/${connection.id}/tokens/${token.id}`, { method: "DELETE" });
        toast(t.revokedToast);
    };
    return html`
        <${Confirm} title=${t.revokeTitle(token.name)} action=${t.revoke} danger onConfirm=${revoke} onClose=${onClose}>
            <p>${active > 1 ? t.revokeHint : t.revokeLastHint}</p>
            <p>${t.used}: <${Time} value=${token.lastUsedAt} form="relative" /></p>
        <//>`;
}

/**
 * What to enter at the identity provider: the base URL and the token, and the settings that matter.
 * @param {{ provider: Provider, token: any, dry?: boolean }} props
 */
export function ProviderSettings({ provider, token, dry = false }) {
    const url = `${token.url}${provider.suffix ?? ""}`;
    const values = /** @type {Record<string, string>} */ ({ "{url}": url, "{token}": token.secret });
    return html`
        <${TokenNotice} />
        ${url.startsWith("http:") && html`<p class="notice warning"><${Icon} name="error" />${texts.createConnection.notHttps}</p>`}
        <dl class="facts">
            ${provider.settings.map(([name, value]) => html`
                <dt>${name}</dt>
                <dd>${value in values ? html`<${CopyValue} value=${values[value]} label=${texts.createConnection.copy(name)} />` : html`<${CodeText} text=${value} />`}</dd>`)}
        </dl>
        <p class="muted">${provider.path}</p>
        ${dry && html`<p class="notice">${texts.createConnection.dry}</p>`}`;
}

/** Warns before a token that is shown only once. */
export const TokenNotice = () => html`<p class="notice warning"><${Icon} name="key" />${texts.createConnection.once}</p>`;

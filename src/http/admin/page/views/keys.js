import { html, useState } from "../vendor/htm-preact.js";
import { request } from "../api.js";
import { Badge } from "../components/badge.js";
import { Button, ButtonLink } from "../components/button.js";
import { Confirm } from "../components/dialog.js";
import { EmptyState } from "../components/empty-state.js";
import { Checkbox } from "../components/form.js";
import { NewKey } from "../key/new-key.js";
import { Page } from "../components/page.js";
import { Table } from "../components/table.js";
import { Time } from "../components/time.js";
import { toast } from "../components/toasts.js";
import { useList } from "../hooks.js";
import { hrefWith, Link, setQuery, useLocation } from "../router.js";
import { can, useSession } from "../session.js";
import { texts } from "../texts.js";

/** @typedef {{ id: string, name: string | null, role: import("../session.js").Role, expiresAt: string | null, createdAt: string,
 *     lastUsedAt: string | null, revokedAt: string | null }} Key */

/** The keys of the tenant. */
export default function Keys() {
    const { query } = useLocation();
    const [revoking, setRevoking] = useState(/** @type {Key | null} */ (null));
    const list = useList("/keys");
    const withRevoked = query.has("revoked");
    const shown = withRevoked ? list : { ...list, items: list.items.filter(({ revokedAt }) => !revokedAt) };
    const close = () => setQuery({ new: null }, { replace: true });
    return html`
        <${Page} title=${texts.keys.title} lead=${texts.keys.lead} actions=${html`<${CreateLink} />`}>
            <div class="toolbar">
                <${Checkbox} label=${texts.keys.showRevoked} checked=${withRevoked}
                    onInput=${(/** @type {boolean} */ on) => setQuery({ revoked: on ? 1 : null }, { replace: true })} />
            </div>
            <${Table} caption=${texts.keys.title} columns=${useColumnsOfKeys(setRevoking)} list=${shown} empty=${html`<${NoKeys} />`} />
            ${query.has("new") && html`<${NewKey} onCreated=${list.reload} onClose=${close} />`}
            ${revoking && html`<${Revoke} apiKey=${revoking} onRevoked=${list.reload} onClose=${() => setRevoking(null)} />`}
        <//>`;
}

const CreateLink = () => html`<${ButtonLink} kind="primary" icon="add" href=${hrefWith({ new: 1 })}>${texts.keys.create}<//>`;

const NoKeys = () => html`<${EmptyState} title=${texts.keys.none} hint=${texts.keys.noneHint}><${CreateLink} /><//>`;

/** @param {(key: Key) => void} onRevoke @returns {import("../components/table.js").Column[]} */
function useColumnsOfKeys(onRevoke) {
    const [columns] = useState(() => [
        { id: "name", label: texts.keys.name, render: (/** @type {Key} */ key) => html`<${Name} apiKey=${key} />` },
        { id: "role", label: texts.keys.role, width: /** @type {const} */ ("narrow"), render: (/** @type {Key} */ { role }) => role },
        time("createdAt", "date", texts.keys.created),
        time("expiresAt", "date", texts.keys.expires, texts.keys.never),
        time("lastUsedAt", "relative", texts.keys.lastUsed, texts.keys.neverUsed),
        { id: "actions", label: texts.keys.actions, width: /** @type {const} */ ("narrow"), render: revokeButton(onRevoke) },
    ]);
    return columns;
}

/** @param {"createdAt" | "expiresAt" | "lastUsedAt"} name @param {"date" | "relative"} form @param {string} label @param {string} [absent] */
function time(name, form, label, absent) {
    const render = (/** @type {Key} */ key) => (key[name] ? html`<${Time} value=${key[name]} form=${form} />` : absent);
    return { id: name, label, width: form === "date" ? /** @type {const} */ ("narrow") : /** @type {const} */ ("medium"), render };
}

/** @param {{ apiKey: Key }} props */
function Name({ apiKey }) {
    const { caller } = useSession();
    const { id, revokedAt } = apiKey;
    return html`
        <span class="with-badges">
            <${Link} to="/changes" query=${{ actor: `key:${id}` }} title=${texts.keys.showChanges}>${nameOfKey(apiKey)}<//>
            ${caller?.id === id && html`<${Badge} kind="good">${texts.keys.inUse}<//>`}
            ${revokedAt && html`<${Badge} kind="bad">${texts.keys.revoked} <${Time} value=${revokedAt} form="date" /><//>`}
            ${!revokedAt && isExpired(apiKey) && html`<${Badge} kind="warning">${texts.keys.expired}<//>`}
        </span>`;
}

/** @param {Key} key */
const nameOfKey = ({ name, id }) => name ?? texts.keys.unnamed(id);

/** @param {Key} key */
const isExpired = ({ expiresAt }) => expiresAt !== null && new Date(expiresAt) <= new Date();

/** A key can revoke only keys whose role is not higher than its own. @param {(key: Key) => void} onRevoke */
const revokeButton = (onRevoke) => (/** @type {Key} */ key) => {
    if (key.revokedAt || !can(key.role)) return "";
    const label = texts.keys.revokeLabel(nameOfKey(key));
    return html`<${Button} kind="quiet" aria-label=${label} onClick=${() => onRevoke(key)}>${texts.keys.revoke}<//>`;
};

/** @param {{ apiKey: Key, onRevoked: () => void, onClose: () => void }} props */
function Revoke({ apiKey, onRevoked, onClose }) {
    const { caller } = useSession();
    const name = nameOfKey(apiKey);
    const revoke = async () => {
        await request(`/keys/${apiKey.id}`, { method: "DELETE" });
        toast(texts.keys.revokedToast(name));
        onRevoked();
    };
    const lastUse = apiKey.lastUsedAt
        ? html`${texts.keys.lastUsed}: <${Time} value=${apiKey.lastUsedAt} form="relative" />.`
        : texts.keys.neverUsedHint;
    return html`
        <${Confirm} title=${texts.keys.revokeTitle(name)} action=${texts.keys.revoke} danger onConfirm=${revoke} onClose=${onClose}>
            <p>${texts.keys.revokeHint} ${lastUse}</p>
            ${caller?.id === apiKey.id && html`<p><strong>${texts.keys.revokeOwn}</strong></p>`}
        <//>`;
}

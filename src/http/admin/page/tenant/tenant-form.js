import { html, useState } from "../vendor/htm-preact.js";
import { request } from "../api.js";
import { Button } from "../components/button.js";
import { Dialog } from "../components/dialog.js";
import { ErrorNotice, fieldError } from "../components/error-notice.js";
import { Checkbox, Field, Form } from "../components/form.js";
import { toast } from "../components/toasts.js";
import { useAction } from "../hooks.js";
import { Link } from "../router.js";
import { texts } from "../texts.js";

/** @typedef {import("../views/tenants.js").Tenant} Tenant */

/**
 * Creates a tenant, or changes one. `onOutdated` reads the present state of a tenant that somebody else has changed.
 * @param {{ tenant?: Tenant, fixedName?: boolean, onSaved: (tenant: Tenant) => void, onOutdated?: () => void, onClose: () => void }} props
 */
export function TenantForm({ tenant, fixedName = false, onSaved, onOutdated, onClose }) {
    const [base] = useState(tenant);
    const [name, setName] = useState(tenant?.name ?? "");
    const [uniqueGroupNames, setUniqueGroupNames] = useState(tenant?.uniqueGroupNames ?? false);
    const [uniqueEmails, setUniqueEmails] = useState(tenant?.uniqueEmails ?? false);
    const { run, busy, error } = useAction(async () => {
        const input = { name: name.trim(), uniqueGroupNames, uniqueEmails };
        const { data } = await save(base, tenant, input).catch((problem) => {
            if (problem.status === 412) onOutdated?.();
            throw problem;
        });
        toast(tenant ? texts.tenants.saved(data.name) : texts.tenants.createdToast(data.name));
        onClose();
        onSaved(data);
    });
    return html`
        <${Dialog} title=${tenant ? texts.tenants.editTitle(tenant.name) : texts.tenants.create} onClose=${onClose}>
            <${Form} onSubmit=${() => !busy && run()}>
                <${Field} label=${texts.tenants.name} value=${name} onInput=${setName} disabled=${fixedName} required maxlength="63"
                    hint=${fixedName ? texts.tenants.fixedName : texts.tenants.nameHint} error=${fieldError(error, "/name")}
                    autofocus=${!fixedName} autocomplete="off" autocapitalize="off" spellcheck=${false} />
                <${Checkbox} label=${texts.tenants.uniqueGroupNames} hint=${texts.tenants.uniqueGroupNamesHint}
                    checked=${uniqueGroupNames} onInput=${setUniqueGroupNames} />
                <${Checkbox} label=${texts.tenants.uniqueEmails} hint=${texts.tenants.uniqueEmailsHint}
                    checked=${uniqueEmails} onInput=${setUniqueEmails} />
                <${SaveError} error=${error} tenant=${tenant} />
                <div class="dialog-actions">
                    <${Button} onClick=${onClose}>${texts.common.cancel}<//>
                    <${Button} kind="primary" type="submit" busy=${busy} disabled=${!name.trim()}>
                        ${tenant ? texts.tenants.save : texts.tenants.createAction}
                    <//>
                </div>
            <//>
        <//>`;
}

/**
 * Sends only what the form has changed, so that the changes of others survive. Tenants belong to no tenant.
 * @param {Tenant | undefined} base What the form began with. @param {Tenant | undefined} present
 * @param {Pick<Tenant, "name" | "uniqueGroupNames" | "uniqueEmails">} input
 */
function save(base, present, input) {
    if (!base || !present) return request("/tenants", { method: "POST", body: input, tenant: null });
    const body = Object.fromEntries(Object.entries(input).filter(([name, value]) => value !== /** @type {any} */ (base)[name]));
    return request(`/tenants/${base.id}`, { method: "PATCH", body, ifMatch: present.version, tenant: null });
}

/** @param {{ error: import("../api.js").Problem | null, tenant?: Tenant }} props */
function SaveError({ error, tenant }) {
    const conflicts = error?.body.conflicts;
    if (error?.status === 412) return html`<p class="notice warning" role="alert">${texts.tenants.outdated}</p>`;
    if (!conflicts || !tenant) return html`<${ErrorNotice} error=${error} />`;
    return html`
        <div class="notice bad" role="alert">
            <div class="notice-body stack">
                <p><strong>${texts.tenants.conflicts(error.body.conflictCount)}</strong> ${texts.tenants.conflictsHint}</p>
                <ul class="tenant-conflicts">
                    ${conflicts.map((/** @type {Conflict} */ conflict) => html`
                        <li key=${`${conflict.attribute} ${conflict.value}`}><${ConflictItem} conflict=${conflict} tenant=${tenant.name} /></li>`)}
                </ul>
            </div>
        </div>`;
}

/** @typedef {{ attribute: string, value: string, count: number, ids: string[] }} Conflict */

/** A value that several users or groups of the tenant have, with links to them. @param {{ conflict: Conflict, tenant: string }} props */
function ConflictItem({ conflict: { attribute, value, count, ids }, tenant }) {
    const collection = attribute === "displayName" ? "groups" : "users";
    return html`
        <p><code>${value}</code> <span class="muted">${texts.tenants.conflict(collection, count)}</span></p>
        <p class="actions">
            ${ids.map((id) => html`
                <${Link} key=${id} class="mono" to=${`/${collection}/${id}`} query=${{ tenant }} title=${id}>…${id.slice(-8)}<//>`)}
        </p>`;
}

import { html, useState } from "../vendor/htm-preact.js";
import { request } from "../api.js";
import { Badge } from "../components/badge.js";
import { Button, ButtonLink } from "../components/button.js";
import { Confirm } from "../components/dialog.js";
import { EmptyState } from "../components/empty-state.js";
import { Page } from "../components/page.js";
import { Table } from "../components/table.js";
import { Time } from "../components/time.js";
import { toast } from "../components/toasts.js";
import { useList } from "../hooks.js";
import { href, hrefWith, navigate, setQuery, useLocation } from "../router.js";
import { useSession } from "../session.js";
import { TenantForm } from "../tenant/tenant-form.js";
import { texts } from "../texts.js";

/** @typedef {{ id: string, name: string, uniqueGroupNames: boolean, uniqueEmails: boolean, version: number, createdAt: string }} Tenant */

/** It always exists, under this name. */
const DEFAULT_TENANT = "default";

/** The tenants of the server. */
export default function Tenants() {
    const { query, tenant: selected } = useLocation();
    const [deleting, setDeleting] = useState(/** @type {Tenant | null} */ (null));
    const list = useList("/tenants");
    const columns = useColumnsOfTenants(setDeleting);
    const edited = list.items.find(({ id }) => id === query.get("edit"));
    const close = () => setQuery({ new: null, edit: null }, { replace: true });
    // The selected tenant has another name now, or does not exist anymore.
    const renamed = (/** @type {string} */ before, /** @type {string | null} */ after) =>
        before === selected && before !== after ? navigate("/tenants", { tenant: after }, { replace: true }) : list.reload();
    return html`
        <${Page} title=${texts.tenants.title} lead=${texts.tenants.lead} actions=${html`<${CreateLink} />`}>
            <${Table} caption=${texts.tenants.title} columns=${columns} list=${list} empty=${html`<${NoTenants} />`} />
            ${query.has("new") && html`<${TenantForm} onSaved=${list.reload} onClose=${close} />`}
            ${edited && html`
                <${TenantForm} key=${edited.id} tenant=${edited} fixedName=${edited.name === DEFAULT_TENANT}
                    onSaved=${(/** @type {Tenant} */ { name }) => renamed(edited.name, name)} onOutdated=${list.reload} onClose=${close} />`}
            ${deleting && html`
                <${Delete} tenant=${deleting} onDeleted=${() => renamed(deleting.name, null)} onClose=${() => setDeleting(null)} />`}
        <//>`;
}

const CreateLink = () => html`<${ButtonLink} kind="primary" icon="add" href=${hrefWith({ new: 1 })}>${texts.tenants.create}<//>`;

const NoTenants = () => html`<${EmptyState} title=${texts.tenants.none}><${CreateLink} /><//>`;

/** @param {(tenant: Tenant) => void} onDelete @returns {import("../components/table.js").Column[]} */
function useColumnsOfTenants(onDelete) {
    const [columns] = useState(() => [
        { id: "name", label: texts.tenants.name, render: (/** @type {Tenant} */ { name }) => html`<${Name} name=${name} />` },
        { id: "unique", label: texts.tenants.unique, width: /** @type {const} */ ("medium"), render: uniqueValues },
        {
            id: "created", label: texts.tenants.created, width: /** @type {const} */ ("narrow"),
            render: (/** @type {Tenant} */ { createdAt }) => html`<${Time} value=${createdAt} form="date" />`,
        },
        {
            id: "actions", label: texts.tenants.actions, width: /** @type {const} */ ("wide"),
            render: (/** @type {Tenant} */ tenant) => html`<${Actions} tenant=${tenant} onDelete=${onDelete} />`,
        },
    ]);
    return columns;
}

/** @param {Tenant} tenant */
function uniqueValues({ uniqueGroupNames, uniqueEmails }) {
    return [uniqueGroupNames && texts.tenants.groupNames, uniqueEmails && texts.tenants.emails].filter(Boolean).join(", ") || null;
}

/** The name of the tenant that the page acts in. */
function useSelectedTenant() {
    const { caller } = useSession();
    return useLocation().tenant ?? caller?.tenant.name;
}

/** @param {{ name: string }} props */
function Name({ name }) {
    const selected = useSelectedTenant();
    return html`
        <span class="with-badges">
            <strong>${name}</strong>
            ${name === selected && html`<${Badge} kind="good">${texts.tenants.selected}<//>`}
        </span>`;
}

/** @param {{ tenant: Tenant, onDelete: (tenant: Tenant) => void }} props */
function Actions({ tenant, onDelete }) {
    const { id, name } = tenant;
    const own = useSession().caller?.tenant.name;
    const work = name !== useSelectedTenant() && href("/", { tenant: name === own ? null : name });
    return html`
        <span class="actions">
            ${work && html`<${ButtonLink} kind="quiet" href=${work} aria-label=${texts.tenants.workInLabel(name)}>${texts.tenants.workIn}<//>`}
            <${ButtonLink} kind="quiet" href=${hrefWith({ edit: id })} aria-label=${texts.tenants.editLabel(name)}>${texts.tenants.edit}<//>
            ${name !== DEFAULT_TENANT && html`
                <${Button} kind="quiet" aria-label=${texts.tenants.deleteLabel(name)} onClick=${() => onDelete(tenant)}>${texts.tenants.delete}<//>`}
        </span>`;
}

/** @param {{ tenant: Tenant, onDeleted: () => void, onClose: () => void }} props */
function Delete({ tenant: { id, name }, onDeleted, onClose }) {
    const remove = async () => {
        await request(`/tenants/${id}`, { method: "DELETE", tenant: null });
        toast(texts.tenants.deleted(name));
        onDeleted();
    };
    return html`
        <${Confirm} title=${texts.tenants.deleteTitle(name)} action=${texts.tenants.delete} danger name=${name} onConfirm=${remove} onClose=${onClose}>
            <p>${texts.tenants.deleteHint}</p>
        <//>`;
}

import { html } from "../vendor/htm-preact.js";
import { useList } from "../hooks.js";
import { navigate, useLocation } from "../router.js";
import { can, useSession } from "../session.js";
import { texts } from "../texts.js";
import { Select } from "./form.js";

const LIMIT = 500;

/** The tenant that the page acts in. Operators can select another one, which goes into the URL (`?tenant=`). */
export function TenantSwitcher() {
    const { caller } = useSession();
    const operator = can("operator");
    const { items, reload } = useList(operator ? "/tenants" : null, { limit: LIMIT });
    const { tenant } = useLocation();
    const own = caller?.tenant.name ?? "";
    if (!operator) return html`<p class="tenant"><span class="muted">${texts.app.tenant}</span> ${own}</p>`;

    const selected = tenant ?? own;
    const names = [...new Set([own, selected, ...items.map(({ name }) => name)])].sort();
    // A resource of one tenant does not exist in another one, so the overview is shown after a switch.
    const select = (/** @type {string} */ name) => navigate("/", { tenant: name === own ? null : name });
    const options = names.map((name) => ({ value: name, label: name }));
    // Tenants can have been created, renamed or deleted since.
    return html`<${Select} label=${texts.app.tenant} value=${selected} onInput=${select} options=${options} onFocus=${reload} />`;
}

import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { Link, useLocation } from "../router.js";
import { can, signOut, useSession } from "../session.js";
import { texts } from "../texts.js";
import { Button, IconButton } from "./button.js";
import { Icon } from "./icon.js";
import { TenantSwitcher } from "./tenant-switcher.js";

/** The side navigation, which is a menu at the top of narrow screens. @param {{ views: import("../views/index.js").View[] }} props */
export function Navigation({ views }) {
    const [open, setOpen] = useState(false);
    const { path } = useLocation();
    const entries = views.filter(({ nav, role }) => nav && can(role));
    useEffect(() => setOpen(false), [path]);
    return html`
        <header class="side">
            <div class="brand">
                <${Link} to="/">${texts.app.name}<//>
                <${IconButton} icon="menu" label=${texts.app.menu} class="button quiet icon-only menu-toggle"
                    aria-expanded=${open} aria-controls="navigation" onClick=${() => setOpen(!open)} />
            </div>
            <div id="navigation" class=${open ? "side-content open" : "side-content"}>
                <${TenantSwitcher} />
                <nav aria-label=${texts.app.navigation}>
                    <ul>${entries.map((view) => html`<${Entry} key=${view.path} view=${view} path=${path} />`)}</ul>
                </nav>
                <${Identity} />
            </div>
        </header>`;
}

/** @param {{ view: import("../views/index.js").View, path: string }} props */
function Entry({ view, path }) {
    const current = view.path === "/" ? path === "/" : path === view.path || path.startsWith(`${view.path}/`);
    return html`
        <li>
            <${Link} to=${view.path} aria-current=${current ? "page" : undefined}><${Icon} name=${view.icon} />${view.nav}<//>
        </li>`;
}

/** Who is signed in. */
function Identity() {
    const { caller } = useSession();
    if (!caller) return null;
    return html`
        <div class="identity">
            <div>
                <p><strong>${caller.name ?? texts.app.unnamedKey(caller.type)}</strong></p>
                <p class="muted">${texts.app.role(caller.role)}</p>
            </div>
            <${Button} onClick=${signOut}>${texts.signIn.signOut}<//>
        </div>`;
}

/** Starts the page. */
import { html, render, useEffect, useState } from "./vendor/htm-preact.js";
import { identify } from "./api.js";
import { EmptyState, Skeleton } from "./components/empty-state.js";
import { ErrorNotice } from "./components/error-notice.js";
import { Navigation } from "./components/navigation.js";
import { Page } from "./components/page.js";
import { KeyboardShortcuts } from "./components/shortcuts.js";
import { SignInDialog, SignInPage } from "./components/sign-in.js";
import { Toasts } from "./components/toasts.js";
import { Link, match, useLocation } from "./router.js";
import { can, signedIn, storedKey, useSession } from "./session.js";
import { texts } from "./texts.js";
import { views } from "./views/index.js";

function App() {
    const { caller, expired } = useSession();
    if (!caller) return html`<${SignInPage} />`;
    return html`
        <a class="skip-link" href="#main" onClick=${skipToContent}>${texts.app.skip}</a>
        <${Navigation} views=${views} />
        <main id="main" tabindex="-1"><${CurrentView} /></main>
        <${Toasts} />
        <${KeyboardShortcuts} />
        ${expired && html`<${SignInDialog} />`}`;
}

/** The fragment belongs to the router, so the link moves the focus itself. @param {Event} event */
function skipToContent(event) {
    event.preventDefault();
    document.getElementById("main")?.focus();
}

/** The view of the current path. Another path or tenant is another view, which starts from nothing. */
function CurrentView() {
    const { path, tenant } = useLocation();
    const { caller } = useSession();
    for (const view of views) {
        const params = match(view.path, path);
        if (params) return html`<${LoadedView} key=${`${caller?.tenant.id} ${tenant} ${path}`} view=${view} params=${params} />`;
    }
    return html`<${NotFound} key=${path} />`;
}

/** @param {{ view: import("./views/index.js").View, params: Record<string, string> }} props */
function LoadedView({ view, params }) {
    const [module, setModule] = useState(/** @type {any} */ (null));
    const [failed, setFailed] = useState(false);
    useEffect(() => {
        view.load().then(setModule, () => setFailed(true));
    }, [view]);
    if (!can(view.role)) return html`<${Forbidden} role=${view.role} />`;
    // After an upgrade, the server has only the files of the new release.
    if (failed) return html`<${ErrorNotice} error=${new Error(texts.app.loadFailed)} retry=${() => location.reload()} />`;
    return module ? html`<${module.default} ...${params} />` : html`<${Skeleton} />`;
}

function NotFound() {
    return html`
        <${Page} title=${texts.app.notFound}>
            <${EmptyState} title=${texts.app.notFoundHint}><${Link} class="button" to="/">${texts.app.toOverview}<//><//>
        <//>`;
}

/** @param {{ role: string }} props */
function Forbidden({ role }) {
    return html`<${Page} title=${texts.app.forbidden}><${EmptyState} title=${texts.app.forbiddenHint(role)} /><//>`;
}

/** Signs in with the key that this tab has kept, if it is still valid. */
async function resumeSession() {
    const key = storedKey();
    if (!key) return;
    try {
        signedIn(key, await identify(key), true);
    } catch {
        // The sign-in page follows, where the same error appears if the key is pasted again.
    }
}

await resumeSession();
document.title = texts.app.name;
render(html`<${App} />`, /** @type {Element} */ (document.getElementById("app")));

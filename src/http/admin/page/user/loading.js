import { html } from "../vendor/htm-preact.js";
import { Skeleton } from "../components/empty-state.js";
import { ErrorNotice } from "../components/error-notice.js";
import { Page } from "../components/page.js";

/** A view of a user that is not known yet. @param {{ error: import("../api.js").Problem | null, retry: () => void }} props */
export function Loading({ error, retry }) {
    return html`<${Page} title=${"\u00a0"}>${error ? html`<${ErrorNotice} error=${error} retry=${retry} />` : html`<${Skeleton} lines=${10} />`}<//>`;
}

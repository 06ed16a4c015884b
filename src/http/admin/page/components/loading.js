import { html } from "../vendor/htm-preact.js";
import { Skeleton } from "./empty-state.js";
import { ErrorNotice } from "./error-notice.js";
import { Page } from "./page.js";

/** A view of one resource that is not known yet. @param {{ error: import("../api.js").Problem | null, retry: () => void }} props */
export function Loading({ error, retry }) {
    return html`<${Page} title=${"\u00a0"}>${error ? html`<${ErrorNotice} error=${error} retry=${retry} />` : html`<${Skeleton} lines=${10} />`}<//>`;
}

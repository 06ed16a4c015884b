import { html } from "../vendor/htm-preact.js";
import { Page } from "../components/page.js";
import { texts } from "../texts.js";

export default function Users() {
    return html`<${Page} title=${texts.users.title} />`;
}

import { html } from "../vendor/htm-preact.js";
import { CodeText } from "../components/code-text.js";
import { CopyValue } from "../components/copy.js";
import { Icon } from "../components/icon.js";
import { texts } from "../texts.js";

/** @typedef {typeof texts.providers[0]} Provider */

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

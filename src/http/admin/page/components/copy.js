import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { texts } from "../texts.js";
import { IconButton } from "./button.js";

/** A button that copies a value. @param {{ value: string, label?: string }} props */
export function Copy({ value, label = texts.common.copy }) {
    const [copied, setCopied] = useState(false);
    useEffect(() => {
        if (!copied) return;
        const timer = setTimeout(() => setCopied(false), 2000);
        return () => clearTimeout(timer);
    }, [copied]);
    const copy = () => copyText(value).then(() => setCopied(true));
    return html`
        <${IconButton} icon=${copied ? "check" : "copy"} label=${label} onClick=${copy} />
        <span class="visually-hidden" role="status">${copied && texts.common.copied}</span>`;
}

/** A value in a monospaced font with its copy button. @param {{ value: string, label?: string }} props */
export function CopyValue({ value, label }) {
    return html`<span class="copy-value"><code>${value}</code><${Copy} value=${value} label=${label} /></span>`;
}

/** Browsers offer the clipboard only over HTTPS and on localhost. @param {string} value */
async function copyText(value) {
    if (navigator.clipboard) return navigator.clipboard.writeText(value);
    const field = document.createElement("textarea");
    field.value = value;
    (document.querySelector("dialog[open]") ?? document.body).append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
}

import { html } from "../vendor/htm-preact.js";

/** A sentence in which code is between backticks, as in the hints of the inspector. @param {{ text: string }} props */
export const CodeText = ({ text }) => html`${text.split("`").map((part, i) => (i % 2 ? html`<code key=${i}>${part}</code>` : part))}`;

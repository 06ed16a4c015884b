import { html, useState } from "../vendor/htm-preact.js";
import { identify } from "../api.js";
import { useAction } from "../hooks.js";
import { signedIn, signOut, storedKey } from "../session.js";
import { texts } from "../texts.js";
import { Button } from "./button.js";
import { Dialog } from "./dialog.js";
import { ErrorNotice } from "./error-notice.js";
import { Checkbox, Field, Form } from "./form.js";

/** The form that asks for a key. @param {{ children?: unknown }} props */
function SignInForm({ children }) {
    const [key, setKey] = useState("");
    const [keep, setKeep] = useState(storedKey() !== null);
    const { run, busy, error } = useAction(async () => {
        const trimmed = key.trim();
        signedIn(trimmed, await identify(trimmed), keep);
    });
    return html`
        <${Form} onSubmit=${() => key.trim() && !busy && run()}>
            <${Field} label=${texts.signIn.key} value=${key} onInput=${setKey} hint=${texts.signIn.keyHint}
                type="password" autocomplete="off" spellcheck=${false} autofocus />
            <${Checkbox} label=${texts.signIn.keep} hint=${texts.signIn.keepHint} checked=${keep} onInput=${setKeep} />
            <${ErrorNotice} error=${error?.status === 401 ? new Error(texts.signIn.invalid) : error} />
            <div class="dialog-actions">
                ${children}
                <${Button} kind="primary" type="submit" busy=${busy} disabled=${!key.trim()}>${texts.signIn.submit}<//>
            </div>
        <//>`;
}

/** The whole page for someone without a key. */
export function SignInPage() {
    return html`
        <main class="sign-in">
            <div class="card">
                <h1>${texts.signIn.title}</h1>
                <p class="lead">${texts.signIn.lead}</p>
                <${SignInForm} />
            </div>
        </main>`;
}

/** Over a view whose key has expired: the view keeps its input, and its requests are repeated afterwards. */
export function SignInDialog() {
    return html`
        <${Dialog} title=${texts.signIn.expiredTitle}>
            <p>${texts.signIn.expiredLead}</p>
            <${SignInForm}>
                <${Button} onClick=${signOut}>${texts.signIn.signOut}<//>
            <//>
        <//>`;
}

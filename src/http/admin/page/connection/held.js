import { html, useState } from "../vendor/htm-preact.js";
import { request } from "../api.js";
import { Button, ButtonLink } from "../components/button.js";
import { withoutApiHint } from "../components/connection-health.js";
import { Dialog } from "../components/dialog.js";
import { ErrorNotice } from "../components/error-notice.js";
import { Field, Form, useId } from "../components/form.js";
import { Icon } from "../components/icon.js";
import { revealTabs } from "../components/tabs.js";
import { Time } from "../components/time.js";
import { toast } from "../components/toasts.js";
import { useAction } from "../hooks.js";
import { hrefWith } from "../router.js";
import { texts } from "../texts.js";

const t = texts.held;

/** Why a connection is held, and what to do. @param {{ connection: any, onChange: () => void }} props */
export function HeldNotice({ connection, onChange }) {
    const [releasing, setReleasing] = useState(false);
    const { reason, since } = connection.held;
    return html`
        <section class="notice bad held" aria-label=${t.title}>
            <${Icon} name="error" />
            <div class="notice-body stack">
                <h2>${t.title}</h2>
                <p>${withoutApiHint(reason)} ${t.since} <${Time} value=${since} form="precise" />.</p>
                <p>${t.advice}</p>
                <div class="actions">
                    <${ButtonLink} href=${hrefWith({ tab: "removals", open: null })} onClick=${revealTabs}>${t.showRemovals}<//>
                    <${ButtonLink} href=${hrefWith({ tab: null, note: "connection-held", open: null })} onClick=${revealTabs}>${t.showRefused}<//>
                    <${Button} kind="danger" onClick=${() => setReleasing(true)}>${t.open}<//>
                </div>
            </div>
            ${releasing && html`<${ReleaseDialog} connection=${connection} onChange=${onChange} onClose=${() => setReleasing(false)} />`}
        </section>`;
}

/** @param {{ connection: any, onChange: () => void, onClose: () => void }} props */
export function ReleaseDialog({ connection, onChange, onClose }) {
    const { held } = connection;
    const [all, setAll] = useState(false);
    const [number, setNumber] = useState("");
    const { run, busy, error } = useAction(async () => {
        const allow = all ? null : Number(number);
        await request(`/connections/${connection.id}/release`, { method: "POST", body: { allow }, ifMatch: connection.version });
        toast(t.released(connection.name));
        onChange();
        onClose();
    });
    return html`
        <${Dialog} title=${(held ? t.releaseTitle : t.allowTitle)(connection.name)} onClose=${onClose}>
            <${Form} onSubmit=${() => !busy && run()}>
                <fieldset class="stack">
                    <legend class="visually-hidden">${t.allow}</legend>
                    <${Radio} label=${t.allowNumber} hint=${t.allowNumberHint} checked=${!all} onInput=${() => setAll(false)} />
                    ${!all && html`
                        <${Field} label=${t.number} type="number" inputmode="numeric" min="0" max="1000000" required autofocus
                            value=${number} onInput=${setNumber} />`}
                    <${Radio} label=${t.allowAll} hint=${t.allowAllHint} checked=${all} onInput=${() => setAll(true)} />
                </fieldset>
                <${ErrorNotice} error=${error} />
                <div class="dialog-actions">
                    <${Button} onClick=${onClose}>${texts.common.cancel}<//>
                    <${Button} kind="danger" type="submit" busy=${busy}>${held ? t.release : t.allowAction}<//>
                </div>
            <//>
        <//>`;
}

/** @param {{ label: string, hint: string, checked: boolean, onInput: () => void }} props */
function Radio({ label, hint, checked, onInput }) {
    const id = useId();
    return html`
        <div class="checkbox">
            <input type="radio" name="allow" id=${id} checked=${checked} onChange=${onInput} aria-describedby=${`${id}-hint`} />
            <div><label for=${id}>${label}</label><p id=${`${id}-hint`} class="hint">${hint}</p></div>
        </div>`;
}

import { html, useState } from "../vendor/htm-preact.js";
import { request } from "../api.js";
import { Badge } from "../components/badge.js";
import { Button, ButtonLink } from "../components/button.js";
import { Health, totalOf } from "../components/connection-health.js";
import { CopyValue } from "../components/copy.js";
import { Confirm } from "../components/dialog.js";
import { Skeleton } from "../components/empty-state.js";
import { ErrorNotice } from "../components/error-notice.js";
import { Page } from "../components/page.js";
import { revealTabs, Tabs, useTab } from "../components/tabs.js";
import { Time } from "../components/time.js";
import { toast } from "../components/toasts.js";
import { useResource } from "../hooks.js";
import { href, hrefWith, navigate } from "../router.js";
import { texts } from "../texts.js";
import { HeldNotice, Removals } from "../connection/brake.js";
import { RequestLog } from "../connection/request-log.js";
import { ConnectionSettings } from "../connection/settings.js";
import { Tokens } from "../connection/tokens.js";

const t = texts.connection;
const TABS = ["requests", "removals", "tokens", "settings"].map((id) => ({ id, label: t.tabs[id] }));

/** A connection: its state, its requests, its tokens and its settings. @param {{ id: string }} props */
export default function Connection({ id }) {
    const resource = useResource(`/connections/${id}`);
    const { data, error, reload } = resource;
    const actions = data && html`<${Actions} connection=${data} />`;
    return html`
        <${Page} title=${data?.name ?? t.title} lead=${data ? html`<${Health} connection=${data} />` : "\u00a0"} actions=${actions}>
            <${ErrorNotice} error=${error} retry=${reload} />
            ${data ? html`<${Content} connection=${data} resource=${resource} />` : !error && html`<${Skeleton} lines=${12} />`}
        <//>`;
}

/** @param {{ connection: any, resource: import("../hooks.js").Resource }} props */
function Content({ connection, resource }) {
    const tab = useTab(TABS);
    const { reload } = resource;
    return html`
        ${connection.held && html`<${HeldNotice} connection=${connection} onChange=${reload} />`}
        <${Summary} connection=${connection} />
        <${Tabs} label=${t.title} tabs=${TABS} />
        ${tab === "requests" && html`<${RequestLog} connection=${connection} onNew=${reload} />`}
        ${tab === "removals" && html`<${Removals} connection=${connection} onChange=${reload} />`}
        ${tab === "tokens" && html`<${Tokens} connection=${connection} />`}
        ${tab === "settings" && html`<${ConnectionSettings} key=${connection.version} connection=${connection} onChange=${reload} />`}`;
}

/** @param {{ connection: any }} props */
function Summary({ connection: { url, mode, profile, brake, requests } }) {
    return html`
        <dl class="facts summary">
            <dt>${t.baseUrl}</dt><dd><${CopyValue} value=${url} label=${t.copyUrl} /></dd>
            <dt>${t.behavior}</dt>
            <dd>${texts.connections.modes[mode]} · ${texts.connections.profiles[profile]} · ${brake ? t.brakeOf(brake) : t.noBrake}</dd>
            <dt>${texts.connections.lastRequest}</dt><dd><${Time} value=${requests.lastAt} form="relative" /></dd>
            <dt>${t.rejections}</dt><dd><${Rejections} requests=${requests} /></dd>
        </dl>`;
}

/** The rejected requests of the last day by their reason, each a link to them. @param {{ requests: any }} props */
function Rejections({ requests: { errorsLastHour, errorsLastDay } }) {
    const reasons = Object.entries(errorsLastDay).sort(([, a], [, b]) => Number(b) - Number(a));
    return html`
        ${t.rejected(totalOf(errorsLastHour), totalOf(errorsLastDay))}
        ${reasons.length > 0 && html`
            <ul class="badges">
                ${reasons.map(([code, count]) => html`
                    <li key=${code}>
                        <a href=${hrefWith({ tab: null, note: code, open: null })} onClick=${revealTabs}>
                            <${Badge} kind="bad">${texts.note(code)}: ${texts.common.integer(Number(count))}<//>
                        </a>
                    </li>`)}
            </ul>`}`;
}

/** @param {{ connection: any }} props */
function Actions({ connection }) {
    const [deleting, setDeleting] = useState(false);
    const remove = async () => {
        await request(`/connections/${connection.id}`, { method: "DELETE", ifMatch: connection.version });
        toast(t.deleted(connection.name));
        navigate("/connections");
    };
    return html`
        <${ButtonLink} href=${href("/changes", { actor: `connection:${connection.id}` })}>${t.changes}<//>
        <${ButtonLink} href=${href("/revert", { actor: `connection:${connection.id}` })}>${t.revert}<//>
        <${Button} kind="danger" onClick=${() => setDeleting(true)}>${t.delete}<//>
        ${deleting && html`
            <${Confirm} title=${t.deleteTitle} action=${t.delete} danger name=${connection.name} onConfirm=${remove} onClose=${() => setDeleting(false)}>
                <p>${t.deleteHint}</p>
            <//>`}`;
}

import { html } from "../vendor/htm-preact.js";
import { Badge } from "../components/badge.js";
import { Button } from "../components/button.js";
import { Health, totalOf, useConnectionDetails } from "../components/connection-health.js";
import { EmptyState } from "../components/empty-state.js";
import { Page } from "../components/page.js";
import { Table } from "../components/table.js";
import { Time } from "../components/time.js";
import { useList } from "../hooks.js";
import { Link, setQuery, useLocation } from "../router.js";
import { texts } from "../texts.js";
import { CreateConnection } from "../connection/create.js";

const LIMIT = 50;

/** The connections of the tenant with their health. */
export default function Connections() {
    const creating = useLocation().query.get("create") !== null;
    const list = useList("/connections", { limit: LIMIT, include: "total" });
    const columns = columnsOf(useConnectionDetails(list.items.map(({ id }) => id)));
    const create = html`<${Button} kind="primary" icon="add" onClick=${() => setQuery({ create: "1" })}>${texts.connections.create}<//>`;
    const empty = html`<${EmptyState} title=${texts.connections.none} hint=${texts.connections.noneHint}>${create}<//>`;
    return html`
        <${Page} title=${texts.connections.title} lead=${texts.connections.lead} actions=${create}>
            <${Table} caption=${texts.connections.title} columns=${columns} list=${list} empty=${empty} />
            ${creating && html`<${CreateConnection} connections=${list.items} onClose=${() => setQuery({ create: null }, { replace: true })} />`}
        <//>`;
}

/** @param {Record<string, any>} details @returns {import("../components/table.js").Column[]} */
function columnsOf(details) {
    const name = (/** @type {any} */ connection) => html`<${Link} to=${`/connections/${connection.id}`}>${connection.name}<//>`;
    const detail = (/** @type {(connection: any) => unknown} */ render) => (/** @type {any} */ { id }) =>
        details[id] ? render(details[id]) : html`<div class="skeleton" />`;
    const health = detail((connection) => html`<${Health} connection=${connection} />`);
    const lastAt = detail(({ requests }) => html`<${Time} value=${requests.lastAt} form="relative" />`);
    return [
        { id: "name", label: texts.connections.name, render: name },
        { id: "health", label: texts.connections.health, width: "medium", render: health },
        { id: "errors", label: texts.connections.errorsLastHour, width: "narrow", render: detail(errorsOf) },
        { id: "lastAt", label: texts.connections.lastRequest, width: "medium", render: lastAt },
        { id: "mode", label: texts.connections.modeAndProfile, width: "medium", render: modeOf },
    ];
}

/** @param {any} connection */
function errorsOf({ id, requests }) {
    const errors = totalOf(requests.errorsLastHour);
    if (!errors) return texts.common.integer(0);
    return html`<${Link} to=${`/connections/${id}`} query=${{ status: "4xx" }}>${texts.common.integer(errors)}<//>`;
}

/** @param {any} connection */
const modeOf = ({ mode, profile }) => html`
    <${Badge} kind=${mode === "dry" ? "warning" : "neutral"}>${texts.connections.modes[mode]}<//> ${texts.connections.profiles[profile]}`;

import { html } from "../vendor/htm-preact.js";
import { Badge } from "../components/badge.js";
import { Button } from "../components/button.js";
import { totalOf, useConnectionColumns } from "../components/connection-health.js";
import { EmptyState } from "../components/empty-state.js";
import { Page } from "../components/page.js";
import { Table } from "../components/table.js";
import { useList } from "../hooks.js";
import { Link, setQuery, useLocation } from "../router.js";
import { texts } from "../texts.js";
import { CreateConnection } from "../connection/create.js";

const LIMIT = 50;

/** The connections of the tenant with their health. */
export default function Connections() {
    const creating = useLocation().query.get("create") !== null;
    const list = useList("/connections", { limit: LIMIT, include: "total" });
    const { name, health, lastAt, detail } = useConnectionColumns(list.items);
    const errors = { id: "errors", label: texts.connections.errorsLastHour, width: "narrow", render: detail(errorsOf) };
    const mode = { id: "mode", label: texts.connections.modeAndProfile, width: "medium", render: modeOf };
    const create = html`<${Button} kind="primary" icon="add" onClick=${() => setQuery({ create: "1" })}>${texts.connections.create}<//>`;
    const empty = html`<${EmptyState} title=${texts.connections.none} hint=${texts.connections.noneHint}>${create}<//>`;
    return html`
        <${Page} title=${texts.connections.title} lead=${texts.connections.lead} actions=${create}>
            <${Table} caption=${texts.connections.title} columns=${[name, health, errors, lastAt, mode]} list=${list} empty=${empty} />
            ${creating && html`<${CreateConnection} connections=${list.items} onClose=${() => setQuery({ create: null }, { replace: true })} />`}
        <//>`;
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

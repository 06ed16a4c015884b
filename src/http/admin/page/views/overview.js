import { html, useEffect, useMemo, useState } from "../vendor/htm-preact.js";
import { isAbort } from "../api.js";
import { countChangesSince } from "../change-counts.js";
import { useConnectionColumns } from "../components/connection-health.js";
import { EmptyState } from "../components/empty-state.js";
import { ErrorNotice } from "../components/error-notice.js";
import { Page, Section } from "../components/page.js";
import { Table } from "../components/table.js";
import { useList, useResource } from "../hooks.js";
import { Link } from "../router.js";
import { can } from "../session.js";
import { texts } from "../texts.js";

const HOUR_MS = 3_600_000;
const CONNECTIONS = 50;

/** The size of the tenant, its recent changes, and the health of its connections. */
export default function Overview() {
    return html`
        <${Page} title=${texts.overview.title} lead=${html`<${Version} />`}>
            <dl class="figures">
                <${Count} label=${texts.users.title} path="/users" />
                <${Count} label=${texts.overview.groups} path="/groups" />
                <${Changes} label=${texts.overview.lastHour} hours=${1} />
                <${Changes} label=${texts.overview.lastDay} hours=${24} />
            </dl>
            ${can("admin") && html`<${Connections} />`}
        <//>`;
}

function Version() {
    const { data } = useResource("/");
    return data ? texts.overview.version(data.version) : "\u00a0";
}

/** The number of resources of a list. @param {{ label: string, path: string }} props */
function Count({ label, path }) {
    const { data, error } = useResource(path, { limit: 1, include: "total", attributes: "id" });
    return html`<${Figure} label=${label} value=${data?.total} error=${error} to=${path} />`;
}

/** The number of changes of the last hours. @param {{ label: string, hours: number }} props */
function Changes({ label, hours }) {
    const [{ value, error }, setState] = useState(/** @type {{ value?: number, error?: any }} */ ({}));
    const since = useMemo(() => new Date(Date.now() - hours * HOUR_MS), [hours]);
    useEffect(() => {
        const controller = new AbortController();
        countChangesSince(since, controller.signal).then(
            (count) => setState({ value: count }),
            (problem) => isAbort(problem) || setState({ error: problem }),
        );
        return () => controller.abort();
    }, [hours]);
    return html`<${Figure} label=${label} value=${value} error=${error} to="/changes" query=${{ since: since.toISOString() }} />`;
}

/** @param {{ label: string, value: number | undefined, error: any, to: string, query?: Record<string, string> }} props */
function Figure({ label, value, error, to, query }) {
    return html`
        <div class="card figure">
            <dt><${Link} to=${to} query=${query}>${label}<//></dt>
            <dd>
                <${ErrorNotice} error=${error} />
                ${value === undefined ? !error && html`<div class="skeleton" />` : texts.common.integer(value)}
            </dd>
        </div>`;
}

function Connections() {
    const list = useList("/connections", { limit: CONNECTIONS });
    const items = useMemo(() => [...list.items].sort((a, b) => Number(Boolean(b.held)) - Number(Boolean(a.held))), [list.items]);
    const { name, health, lastAt } = useConnectionColumns(list.items);
    const empty = html`<${EmptyState} title=${texts.overview.noConnections} hint=${texts.overview.noConnectionsHint} />`;
    return html`
        <${Section} title=${texts.overview.connections}>
            <${Table} caption=${texts.overview.connections} columns=${[name, health, lastAt]} list=${{ ...list, items }} empty=${empty} />
        <//>`;
}

import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { get } from "../api.js";
import { Link } from "../router.js";
import { texts } from "../texts.js";
import { Badge } from "./badge.js";
import { Time } from "./time.js";

/**
 * The columns of a table of connections. `detail` renders what the list does not contain, once it has been read.
 * @param {any[]} connections
 */
export function useConnectionColumns(connections) {
    const details = useConnectionDetails(connections.map(({ id }) => id));
    const detail = (/** @type {(connection: any) => unknown} */ render) => (/** @type {any} */ { id }) =>
        details[id] ? render(details[id]) : html`<div class="skeleton" />`;
    const name = (/** @type {any} */ connection) => html`<${Link} to=${`/connections/${connection.id}`}>${connection.name}<//>`;
    const health = detail((connection) => html`<${Health} connection=${connection} />`);
    const lastAt = detail(({ requests }) => html`<${Time} value=${requests.lastAt} form="relative" />`);
    return {
        name: { id: "name", label: texts.connections.name, render: name },
        health: { id: "health", label: texts.connections.health, width: "medium", render: health },
        lastAt: { id: "lastAt", label: texts.connections.lastRequest, width: "medium", render: lastAt },
        detail,
    };
}

/**
 * Connections with the summaries of their requests, which the list does not contain.
 * @param {string[]} ids @returns {Record<string, any>}
 */
function useConnectionDetails(ids) {
    const [details, setDetails] = useState({});
    useEffect(() => {
        const controller = new AbortController();
        const show = (/** @type {any} */ connection) => setDetails((before) => ({ ...before, [connection.id]: connection }));
        for (const id of ids) get(`/connections/${id}`, {}, controller.signal).then(({ data }) => show(data), () => {});
        return () => controller.abort();
    }, [`${ids}`]);
    return details;
}

/** The state of a connection with the summary of its requests. @param {{ connection: any }} props */
export function Health({ connection }) {
    const { kind, text } = healthOf(connection);
    const badge = html`<${Badge} kind=${kind} title=${connection.held && withoutApiHint(connection.held.reason)}>${text}<//>`;
    return kind === "warning" ? html`<${Link} to=${`/connections/${connection.id}`} query=${{ status: "4xx" }}>${badge}<//>` : badge;
}

/** A reason without how to release the connection with the API, for which there is a button. @param {string} reason */
export const withoutApiHint = (reason) => reason.replace(/ An administrator can release it with POST \S+$/, "");

/** @param {Record<string, number>} errors Numbers by the code of the note. */
export const totalOf = (errors) => Object.values(errors).reduce((sum, count) => sum + count, 0);

/**
 * The worst thing that is known about a connection.
 * @param {any} connection @returns {{ kind: "good" | "warning" | "bad" | "neutral", text: string }}
 */
function healthOf({ held, mode, requests }) {
    const errors = totalOf(requests.errorsLastHour);
    if (held) return { kind: "bad", text: texts.overview.held };
    if (errors) return { kind: "warning", text: texts.overview.errors(errors) };
    if (!requests.lastAt) return { kind: "neutral", text: texts.overview.noRequests };
    return mode === "dry" ? { kind: "neutral", text: texts.overview.dry } : { kind: "good", text: texts.overview.healthy };
}

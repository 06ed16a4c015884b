import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { base, isAbort } from "../api.js";
import { Button } from "../components/button.js";
import { Copy } from "../components/copy.js";
import { ErrorNotice } from "../components/error-notice.js";
import { Page, Section } from "../components/page.js";
import { readExport } from "../export-file.js";
import { download, sizeOf } from "../files.js";
import { currentLocation } from "../router.js";
import { currentSession } from "../session.js";
import { texts } from "../texts.js";

/** @typedef {import("../export-file.js").Progress} Progress */
/** @typedef {{ status: "ready" | "running" | "done" | "cancelled", progress: Progress | null, file: Blob | null, error: any }} State */

/** @type {State} */
const READY = { status: "ready", progress: null, file: null, error: null };

/** Downloads the export of the tenant. */
export default function Export() {
    const { state, start, cancel } = useExport();
    const { status, progress, file, error } = state;
    const running = status === "running";
    return html`
        <${Page} title=${texts.export.title} lead=${texts.export.lead}>
            <div class="card stack">
                <p>${texts.export.contents}</p>
                <div class="actions">
                    <${Button} kind="primary" icon="export" busy=${running} onClick=${start}>${texts.export.start}<//>
                    ${running && html`<${Button} onClick=${cancel}>${texts.export.stop}<//>`}
                    ${file && html`<${Button} onClick=${() => save(file)}>${texts.export.save}<//>`}
                </div>
                <div role="status">${status !== "ready" && !error && texts.export[status]}</div>
                <${ErrorNotice} error=${error} retry=${start} />
                ${progress && html`<${Counts} progress=${progress} />`}
            </div>
            <${Commands} />
        <//>`;
}

function useExport() {
    const [state, setState] = useState(READY);
    const controller = useRef(/** @type {AbortController | null} */ (null));
    const cancel = () => controller.current?.abort();
    useEffect(() => cancel, []);
    const start = async () => {
        controller.current = new AbortController();
        setState({ ...READY, status: "running" });
        const show = (/** @type {Progress} */ progress) => setState((before) => ({ ...before, progress }));
        try {
            const file = await readExport(controller.current.signal, show);
            save(file);
            setState((before) => ({ ...before, status: "done", file }));
        } catch (error) {
            setState((before) => ({ ...before, status: "cancelled", error: isAbort(error) ? null : error }));
        }
    };
    return { state, start, cancel };
}

/** @param {Blob} file */
function save(file) {
    const tenant = currentLocation().tenant ?? currentSession().caller?.tenant.name ?? "";
    download(file, texts.export.fileName(tenant, new Date().toISOString().slice(0, 10)));
}

/** @param {{ progress: Progress }} props */
function Counts({ progress: { bytes, user, group, member } }) {
    const figures = [[texts.export.users, user], [texts.export.groups, group], [texts.export.members, member]];
    return html`
        <dl class="facts">
            <dt>${texts.export.size}</dt><dd>${sizeOf(bytes)}</dd>
            ${figures.map(([label, count]) => html`<dt>${label}</dt><dd>${texts.common.integer(Number(count))}</dd>`)}
        </dl>`;
}

/** Commands for directories that are too large for a browser. */
function Commands() {
    const tenant = currentLocation().tenant;
    const header = tenant ? ` -H "Roster-Tenant: ${tenant}"` : "";
    const http = `curl --fail-with-body -sS --compressed "${new URL("export", base)}" -H "Authorization: Bearer $KEY"${header} -o export.ndjson`;
    const own = tenant ?? currentSession().caller?.tenant.name;
    const csv = `jq -r 'select(.resource == "user") | [.id, .after.userName, .after.displayName, .after.emails[0].value] | @csv' export.ndjson > users.csv`;
    return html`
        <${Section} title=${texts.export.large}>
            <p class="lead">${texts.export.largeLead}</p>
            <dl class="stack commands">
                <${Command} label=${texts.export.overHttp} command=${http} />
                <${Command} label=${texts.export.onServer} command=${`roster export --tenant ${own} export.ndjson.gz`} />
                <${Command} label=${texts.export.csv} command=${csv} />
            </dl>
        <//>`;
}

/** @param {{ label: string, command: string }} props */
function Command({ label, command }) {
    return html`<div><dt>${label}</dt><dd><pre tabindex="0">${command}</pre><${Copy} value=${command} /></dd></div>`;
}

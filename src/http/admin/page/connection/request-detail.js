import { html } from "../vendor/htm-preact.js";
import { ChangeDetail, ChangeTitle, Revisions } from "../components/change.js";
import { CodeText } from "../components/code-text.js";
import { withoutApiHint } from "../components/connection-health.js";
import { Copy, CopyValue } from "../components/copy.js";
import { Icon } from "../components/icon.js";
import { Reference } from "../components/reference.js";
import { texts } from "../texts.js";

const t = texts.requests;

/** Everything that is known about a request, and why it failed. @param {{ request: any }} props */
export function RequestDetail({ request }) {
    const { notes, status, erased, plan } = request;
    return html`
        <div class="stack">
            ${erased && html`<p class="notice">${t.erasedHint}</p>`}
            ${notes.length > 0 && html`<${Notes} notes=${notes} failed=${status >= 400} />`}
            ${plan && html`<${Plan} plan=${plan} />`}
            <${Facts} request=${request} />
            <div class="columns bodies">
                <${Body} title=${t.request} body=${request.request} bytes=${request.requestBytes} erased=${erased} />
                <${Body} title=${t.response} body=${request.response} bytes=${request.responseBytes} erased=${erased} />
            </div>
        </div>`;
}

/** @param {{ notes: any[], failed: boolean }} props */
function Notes({ notes, failed }) {
    return html`
        <section>
            <h2>${failed ? t.whyRejected : t.whatIgnored}</h2>
            <ul class="stack notes">
                ${notes.map(({ code, detail, section, hint }, i) => html`
                    <li key=${i} class=${`notice ${failed ? "bad" : "warning"}`}>
                        <${Icon} name="error" />
                        <div class="notice-body">
                            <p><strong>${texts.note(code)}</strong> <span class="muted small">${section}</span></p>
                            ${detail && html`<p><${CodeText} text=${withoutApiHint(detail)} /><${Existing} detail=${detail} /></p>`}
                            ${hint && html`<p class="advice"><strong>${t.whatToChange}</strong> <${CodeText} text=${hint} /></p>`}
                        </div>
                    </li>`)}
            </ul>
        </section>`;
}

/** A link to the user or the group that has a value that is taken. @param {{ detail: string }} props */
function Existing({ detail }) {
    const [, type, id] = / by the (user|group) ([\da-f-]{36})/.exec(detail) ?? [];
    return id && html` (<${Reference} type=${type} id=${id} />)`;
}

/** Whether a request concerns a resource that exists, or existed. @param {{ status: number, plan?: any }} request */
export const exists = ({ status, plan }) => status !== 404 && !(plan && status === 201);

/** The changes that a request of a dry connection would have made. @param {{ plan: any }} props */
function Plan({ plan: { changes, others } }) {
    return html`
        <section>
            <h2>${changes.length ? t.plan : t.emptyPlan}</h2>
            <ul class="stack">
                ${changes.map((/** @type {any} */ change, /** @type {number} */ i) => html`
                    <li key=${i} class="card stack"><p><${ChangeTitle} change=${change} /></p><${ChangeDetail} change=${change} /></li>`)}
            </ul>
            ${others > 0 && html`<p class="muted">${t.otherChanges(others)}</p>`}
        </section>`;
}

/** @param {{ request: any }} props */
function Facts({ request }) {
    const { method, path, query, requestId, resource, resourceId, durationMs, revisions, revisionCount } = request;
    return html`
        <dl class="facts">
            <dt>${t.line}</dt><dd><code>${method} ${path}</code></dd>
            ${query && html`<dt>${t.query}</dt><dd><code>${decoded(query)}</code></dd>`}
            ${resourceId && exists(request) && html`<dt>${t.resources[resource]}</dt><dd><${Reference} type=${resource} id=${resourceId} /></dd>`}
            <dt>${t.changes}</dt><dd><${Revisions} revisions=${revisions} count=${revisionCount} /></dd>
            <dt>${t.durationLabel}</dt><dd>${t.duration(durationMs)}</dd>
            <dt>${t.requestId}</dt><dd><${CopyValue} value=${requestId} label=${texts.errors.copyRequestId} /></dd>
        </dl>`;
}

/** @param {{ title: string, body: any, bytes: number | null, erased: boolean }} props */
function Body({ title, body, bytes, erased }) {
    const text = typeof body === "string" ? body : JSON.stringify(body, null, 2);
    const missing = erased ? t.erased : bytes ? t.notRecorded : t.noBody;
    return html`
        <section>
            <header class="section-header">
                <h2>${title} ${bytes !== null && bytes > 0 && html`<span class="muted small">${t.bytes(bytes)}</span>`}</h2>
                ${body !== null && html`<div class="actions"><${Copy} value=${text} label=${t.copyBody(title)} /></div>`}
            </header>
            ${body === null
                ? html`<p class="muted">${missing}</p>`
                : html`<pre class="body" tabindex="0" role="region" aria-label=${title}><code>${text}</code></pre>`}
        </section>`;
}

/** Filters are hard to read when they are encoded. @param {string} query */
export function decoded(query) {
    try {
        return decodeURIComponent(query.replaceAll("+", " "));
    } catch {
        return query;
    }
}

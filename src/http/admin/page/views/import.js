import { html, useEffect, useRef } from "../vendor/htm-preact.js";
import { Button } from "../components/button.js";
import { EmptyState } from "../components/empty-state.js";
import { ErrorNotice } from "../components/error-notice.js";
import { Icon } from "../components/icon.js";
import { Page } from "../components/page.js";
import { apply, discard, discardPlan, plan, useJob } from "../import/job.js";
import { Figures, Outcome } from "../import/outcome.js";
import { Choose, Options } from "../import/steps.js";
import { Link, useLocation } from "../router.js";
import { texts } from "../texts.js";

/** @typedef {import("../import/run.js").Run} Run */

/** Imports a file in three steps: choose it, review the changes, apply them. */
export default function Import() {
    return html`<${Page} title=${texts.import.title} lead=${texts.import.lead}><${Step} /><//>`;
}

function Step() {
    const job = useJob();
    const { tenant } = useLocation();
    useFocusOnReturn(job);
    if (!job) return html`<${Choose} />`;
    if (job.tenant !== tenant) return html`<${Elsewhere} job=${job} />`;
    if (job.run) return html`<${Applying} run=${job.run} total=${job.plan?.results.lines ?? null} />`;
    return job.plan ? html`<${Planning} run=${job.plan} />` : html`<${Options} job=${job} />`;
}

/** The button that leads to a step disappears with its focus. The first steps have no heading of their own. @param {import("../import/job.js").Job | null} job */
function useFocusOnReturn(job) {
    const step = job?.run || job?.plan ? "" : job ? "options" : "choose";
    const before = useRef(step);
    useEffect(() => {
        if (step && step !== before.current) focusHeading(document.querySelector("h1"));
        before.current = step;
    }, [step]);
}

/** @param {HTMLElement | null} heading */
function focusHeading(heading) {
    heading?.focus({ preventScroll: true });
    scrollTo(0, 0);
}

/** @param {{ job: import("../import/job.js").Job }} props */
function Elsewhere({ job: { tenant, tenantName } }) {
    return html`
        <${EmptyState} title=${texts.import.elsewhere(tenantName)}>
            <${Link} class="button" to="/import" query=${{ tenant }}>${texts.import.toThere}<//>
        <//>`;
}

/** The comparison, and the review of its changes. @param {{ run: Run }} props */
function Planning({ run }) {
    const { created, updated, refused } = run.results.totals;
    const title = run.status === "running" ? texts.import.planning : run.status === "done" ? texts.import.planned : texts.import[run.status];
    const ready = run.status === "done" && created + updated > 0;
    return html`
        <div class="stack">
            <${State} key="plan" run=${run} title=${title} total=${null} />
            <${Figures} run=${run} />
            ${ready && html`<p>${texts.import.applyHint(refused)}</p>`}
            <div class="actions">
                <${Button} kind="primary" disabled=${!ready} onClick=${() => apply()}>${texts.import.apply(created + updated)}<//>
                <${Controls} run=${run} />
                ${run.status !== "running" && html`<${Button} onClick=${discardPlan}>${texts.import.startOver}<//>`}
            </div>
            <div><${Outcome} run=${run} /></div>
        </div>`;
}

/** @param {{ run: Run, total: number | null }} props */
function Applying({ run, total }) {
    const title = run.status === "running" ? texts.import.applying : run.status === "done" ? texts.import.applied : texts.import[run.status];
    const ended = run.status !== "running" && run.status !== "paused";
    return html`
        <div class="stack">
            <${State} key="run" run=${run} title=${title} total=${total} />
            <${Figures} run=${run} />
            ${run.status === "done" && html`<p>${texts.import.doneHint(run.results.totals)}</p>`}
            ${run.status === "cancelled" && html`<p>${texts.import.cancelledHint(run.results.lines)} ${run.isUncertain && texts.import.uncertain}</p>`}
            <div class="actions">
                ${run.status === "done" && html`
                    <${Button} kind="primary" onClick=${discard}>${texts.import.finish}<//>
                    <${Link} class="button" to="/users" query=${{ sort: "-updatedAt" }}>${texts.import.showUsers}<//>`}
                <${Controls} run=${run} />
                ${ended && run.status !== "done" && html`<${Button} onClick=${discard}>${texts.import.finish}<//>`}
            </div>
            <div><${Outcome} run=${run} /></div>
        </div>`;
}

/** The progress, or why there is none. @param {{ run: Run, title: string, total: number | null }} props */
function State({ run, title, total }) {
    const { file } = run.source;
    const heading = useRef(/** @type {HTMLElement | null} */ (null));
    useEffect(() => focusHeading(heading.current), []);
    return html`
        <div class="card stack">
            <div class="section-header">
                <h2 ref=${heading} tabindex="-1" aria-live="polite">${run.cancelling && run.status === "running" ? texts.import.stopping : title}</h2>
                <span class="muted">${file.name} · ${texts.import.progress(run.results.lines, total)}</span>
            </div>
            <progress max=${file.size} value=${run.bytes} aria-label=${title} />
            <${ErrorNotice} error=${run.problem} />
            ${run.status === "paused" && html`<p>${isMoved(run) ? texts.import.moved : texts.import.pausedHint}</p>`}
            ${run.status === "done" && run.results.isOpenExport && html`<${Incomplete} />`}
        </div>`;
}

function Incomplete() {
    return html`<div class="notice warning"><${Icon} name="error" /><p>${texts.import.incomplete}</p></div>`;
}

/** Cancel, continue, or compare again. @param {{ run: Run }} props */
function Controls({ run }) {
    const { match, mode, plan: isPlan } = run.options;
    const compareAgain = html`<${Button} onClick=${() => plan({ match, mode })}>${texts.import.planAgain}<//>`;
    if (run.status === "running") return html`<${Button} busy=${run.cancelling} onClick=${() => run.cancel()}>${texts.import.stop}<//>`;
    if (isMoved(run)) return html`${compareAgain}<${Button} kind="danger" onClick=${() => apply({ always: true })}>${texts.import.applyAnyway}<//>`;
    if (run.status === "paused") {
        return html`
            <${Button} kind="primary" onClick=${() => run.start()}>${texts.import.continue}<//>
            <${Button} onClick=${() => run.cancel()}>${texts.import.stop}<//>`;
    }
    if (run.status === "cancelled" && !isPlan) return html`<${Button} kind="primary" onClick=${() => run.start()}>${texts.import.continue}<//>`;
    return run.status === "done" && !isPlan ? null : compareAgain;
}

/** Whether something was written since the plan. @param {Run} run */
const isMoved = ({ problem }) => /** @type {any} */ (problem)?.status === 412;

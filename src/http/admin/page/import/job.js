/**
 * The import of this page. It belongs to no view, so that it continues, and loses nothing, while its user looks at other
 * views.
 */
import { useEffect, useState } from "../vendor/htm-preact.js";
import { currentLocation } from "../router.js";
import { currentSession } from "../session.js";
import { Run } from "./run.js";

/** @typedef {import("./source.js").Source} Source */
/** @typedef {{ tenant: string | null, tenantOfKey: string, tenantName: string, source: Source, plan: Run | null, run: Run | null }} Job */
/** @typedef {{ match: string, mode: string }} Options */

/** @type {Job | null} */
let job = null;

/** @type {Set<(round: number) => void>} */
const listeners = new Set();
let round = 0;

function notify() {
    round += 1;
    for (const listener of listeners) listener(round);
}

/** @param {Job | null} next */
function change(next) {
    job = next;
    notify();
}

/** The import; the component renders again when it changes. */
export function useJob() {
    const [, setRound] = useState(round);
    useEffect(() => {
        setRound(round);
        listeners.add(setRound);
        return () => void listeners.delete(setRound);
    }, []);
    return job;
}

/** @param {Source} source */
export function choose(source) {
    const { tenant } = currentLocation();
    const own = currentSession().caller?.tenant ?? { id: "", name: "" };
    change({ tenant, tenantOfKey: own.id, tenantName: tenant ?? own.name, source, plan: null, run: null });
}

/** Changes the meaning of columns. @param {Source} source */
export const changeSource = (source) => job && change({ ...job, source });

/** Forgets the file. */
export function discard() {
    job?.plan?.cancel();
    change(null);
}

/** Back to the options. */
export const discardPlan = () => job && change({ ...job, plan: null, run: null });

/** @param {Options} options */
export function plan(options) {
    if (!job) return;
    const run = new Run(job.source, { ...options, plan: true, tenant: job.tenant, tenantOfKey: job.tenantOfKey }, notify);
    change({ ...job, plan: run, run: null });
    run.start();
}

/** Applies the plan. Unless `always`, only if nothing was written since. @param {{ always?: boolean }} [options] */
export function apply({ always = false } = {}) {
    if (!job?.plan) return;
    const { options, head } = job.plan;
    const run = new Run(job.source, { ...options, plan: false, expectHead: always ? null : head }, notify);
    change({ ...job, run });
    run.start();
}

/** Asks before the page is closed while an import is being applied. @param {BeforeUnloadEvent} event */
const askFirst = (event) => job?.run?.status === "running" && event.preventDefault();
addEventListener("beforeunload", askFirst);

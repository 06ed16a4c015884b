/** Keeps a view up to date for as long as somebody can see it. */
import { useEffect, useRef, useState } from "./vendor/htm-preact.js";
import { isAbort } from "./api.js";

/** The pause after an error, so that a server that has problems is not asked all the time. */
const ERROR_PAUSE_MS = 10_000;

/** @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} */
const pause = (ms, signal) => new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
});

/**
 * Runs `poll` again and again, with pauses, while the tab is visible. Returns whether the last attempt failed.
 * @param {(signal: AbortSignal) => Promise<unknown>} poll @param {{ on: boolean, everyMs: number }} options
 */
export function usePolling(poll, { on, everyMs }) {
    const [failed, setFailed] = useState(false);
    const latest = useRef(poll);
    latest.current = poll;
    const visible = useVisible();
    useEffect(() => {
        if (!on || !visible) return;
        const controller = new AbortController();
        run(() => latest.current(controller.signal), setFailed, everyMs, controller.signal);
        return () => controller.abort();
    }, [on, visible, everyMs]);
    return failed;
}

/** @param {() => Promise<unknown>} poll @param {(failed: boolean) => void} report @param {number} everyMs @param {AbortSignal} signal */
async function run(poll, report, everyMs, signal) {
    await pause(everyMs, signal);
    while (!signal.aborted) {
        try {
            await poll();
            report(false);
            await pause(everyMs, signal);
        } catch (error) {
            if (isAbort(error)) return;
            report(true);
            await pause(ERROR_PAUSE_MS, signal);
        }
    }
}

/** Whether the tab is visible. */
function useVisible() {
    const [visible, setVisible] = useState(!document.hidden);
    useEffect(() => {
        const update = () => setVisible(!document.hidden);
        document.addEventListener("visibilitychange", update);
        return () => document.removeEventListener("visibilitychange", update);
    }, []);
    return visible;
}

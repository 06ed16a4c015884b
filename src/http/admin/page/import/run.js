/**
 * Plans or imports a whole file in batches of the size that the server uses, with one request for each. A large file in a
 * single request would wait forever: browsers read a response only after they have sent the whole request, and the server
 * stops reading a request while its results are not read. Between two batches, an import can also be canceled or continued.
 */
import { Problem, isAbort, open } from "../api.js";
import { currentSession } from "../session.js";
import { texts } from "../texts.js";
import { batches, readLines } from "./lines.js";
import { blank, Repeats } from "./repeats.js";
import { Results } from "./results.js";

/** @typedef {import("./lines.js").Batch} Batch */
/** @typedef {import("./source.js").Source} Source */
/** @typedef {"running" | "paused" | "failed" | "cancelled" | "done"} Status Paused or failed: `problem` says why. */
/**
 * `tenant` is the selected one, and `tenantOfKey` the id of that to which the key belongs.
 * @typedef {{ plan: boolean, match: string, mode: string, tenant: string | null, tenantOfKey: string, expectHead?: number | null }} Options
 */

/** The waiting times, in ms, after the server was too busy to begin a batch. */
const PAUSES = [1000, 2000, 5000, 10_000, 10_000];
const BUSY = [429, 503];

/** How long a batch may take after somebody has cancelled. */
const CANCELLED_MS = 10_000;

export class Run {
    /** @param {Source} source @param {Options} options @param {() => void} onChange */
    constructor(source, options, onChange) {
        this.source = source;
        this.options = options;
        this.onChange = onChange;
        this.results = new Results(source);
        this.repeats = new Repeats(source, options.match);
        /** @type {Status} */
        this.status = "running";
        /** @type {Problem | Error | null} */
        this.problem = null;
        /** The newest revision: before a plan, or after the last batch. @type {number | null} */
        this.head = null;
        /** The position in the file. */
        this.bytes = 0;
        this.batches = batches(linesAfterHeader(source));
        /** The batch whose results have not arrived. @type {Batch | null} */
        this.pending = null;
        this.controller = new AbortController();
        this.cancelling = false;
    }

    /** Starts, or continues where it stopped. */
    async start() {
        this.cancelling = false;
        this.controller = new AbortController();
        this.become("running");
        try {
            while ((this.pending ??= (await this.batches.next()).value ?? null)) {
                await this.process(this.pending);
                if (this.cancelling) return this.become("cancelled");
            }
            this.bytes = this.source.file.size;
            this.become("done");
        } catch (error) {
            this.stop(error);
        }
    }

    /** Ends after the current batch, so that it is known what was done. A plan, which does nothing, ends at once. */
    cancel() {
        this.cancelling = true;
        const { controller } = this;
        setTimeout(() => controller.abort(), this.options.plan ? 0 : CANCELLED_MS);
        if (this.status === "paused") this.become("cancelled");
        else this.onChange();
    }

    /** @param {unknown} error */
    stop(error) {
        if (isAbort(error)) return this.become("cancelled");
        // The file was changed or removed, so that the rest of it cannot be read.
        if (error instanceof DOMException) return this.become("failed", new Error(texts.import.unreadable));
        this.become("paused", /** @type {Error} */ (error));
    }

    /** Whether a batch was interrupted, which may have been applied. */
    get isUncertain() {
        return this.status === "cancelled" && this.pending !== null && !this.options.plan;
    }

    /** @param {Status} status @param {Problem | Error | null} [problem] */
    become(status, problem = null) {
        this.status = status;
        this.problem = problem;
        this.onChange();
    }

    /** @param {Batch} batch */
    async process(batch) {
        const bytes = new Uint8Array(await this.source.file.slice(batch.start, batch.end).arrayBuffer());
        const textOf = (/** @type {import("./lines.js").Line} */ { start, end }) => new TextDecoder().decode(bytes.subarray(start - batch.start, end - batch.start));
        const repeats = this.repeats.among(batch.lines, textOf);
        const results = await this.send(blank(bytes, batch.start, batch.lines.filter(({ number }) => repeats.some(({ line }) => line === number))));
        const summary = results.pop();
        if (summary?.head === undefined) throw new Problem(summary?.problem ?? { status: 0, detail: texts.errors.network });
        this.results.add(batch, textOf, results, summary, repeats);
        this.head = this.options.plan && this.head !== null ? this.head : summary.head;
        this.bytes = batch.end;
        this.pending = null;
        this.onChange();
    }

    /** @param {Uint8Array<ArrayBuffer>} bytes @returns {Promise<any[]>} The results, and last the summary. */
    async send(bytes) {
        for (const pause of [...PAUSES, null]) {
            try {
                const response = await open("/import", this.requestWith(bytes));
                return linesOf(await response.text());
            } catch (error) {
                const busy = error instanceof Problem && BUSY.includes(error.status);
                if (!busy || pause === null) throw asProblem(error);
                await new Promise((resolve) => setTimeout(resolve, pause));
            }
        }
        return [];
    }

    /** The data can have changed since the plan only before the first batch: later, it has because of the import. @param {Uint8Array<ArrayBuffer>} bytes */
    requestWith(bytes) {
        const { file, header, map, type } = this.source;
        const { plan, match, mode, tenant, tenantOfKey, expectHead } = this.options;
        if (currentSession().caller?.tenant.id !== tenantOfKey) throw new Error(texts.import.otherKey);
        const query = { match, mode, plan, map, expectHead: this.results.lines ? null : expectHead };
        const body = new Blob(header ? [file.slice(0, header.end), bytes] : [bytes], { type });
        return { method: "POST", query, body, headers: { "Content-Type": type }, tenant, signal: this.controller.signal };
    }
}

/** @param {Source} source */
async function* linesAfterHeader({ file, format, header }) {
    for await (const line of readLines(file, format)) if (!header || line.start >= header.end) yield line;
}

/** @param {string} text */
const linesOf = (text) => text.split("\n").filter(Boolean).map((line) => JSON.parse(line));

/** The network can also fail while the response is being read. @param {unknown} error */
const asProblem = (error) => (error instanceof TypeError || error instanceof SyntaxError ? new Problem({ status: 0, detail: texts.errors.network }) : error);

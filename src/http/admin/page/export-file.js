/** Reads an export into a file. */
import { Problem, open } from "./api.js";
import { texts } from "./texts.js";

/** @typedef {{ bytes: number, user: number, group: number, member: number }} Progress */

/** Browsers keep large blobs on disk, so the pieces in memory are joined at this size. */
const JOINED_BYTES = 8_000_000;
const SHOWN_EVERY_MS = 200;

/**
 * @param {AbortSignal} signal @param {(progress: Progress) => void} onProgress
 * @returns {Promise<Blob>} @throws {Problem} Also if the export is incomplete.
 */
export async function readExport(signal, onProgress) {
    const response = await open("/export", { signal });
    const { file, last, progress } = await readBody(response, onProgress);
    onProgress(progress);
    // The server ends the response early if it fails.
    if (!/^\{"end":\s*true/.test(last)) throw new Problem({ status: 0, detail: texts.export.incomplete });
    return file;
}

/** @param {Response} response @param {(progress: Progress) => void} onProgress */
async function readBody(response, onProgress) {
    const pieces = new Pieces();
    const counts = new Counts();
    let shown = 0;
    try {
        const reader = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (response.body).getReader();
        for (let part = await reader.read(); !part.done; part = await reader.read()) {
            pieces.add(part.value);
            counts.add(part.value);
            if (performance.now() - shown > SHOWN_EVERY_MS) {
                onProgress(counts.progress());
                shown = performance.now();
            }
        }
    } catch (error) {
        if (error instanceof TypeError) throw new Problem({ status: 0, detail: texts.export.incomplete });
        throw error;
    }
    return { file: pieces.join(), last: counts.last, progress: counts.progress() };
}

/** The pieces of the file. */
class Pieces {
    constructor() {
        /** @type {Blob[]} */
        this.blobs = [];
        /** @type {Uint8Array<ArrayBuffer>[]} */
        this.recent = [];
        this.size = 0;
    }

    /** @param {Uint8Array<ArrayBuffer>} piece */
    add(piece) {
        this.recent.push(piece);
        this.size += piece.length;
        if (this.size >= JOINED_BYTES) this.spill();
    }

    spill() {
        this.blobs.push(new Blob(this.recent));
        this.recent = [];
        this.size = 0;
    }

    join() {
        this.spill();
        return new Blob(this.blobs, { type: "application/x-ndjson" });
    }
}

/** The number of lines of each kind so far. */
class Counts {
    constructor() {
        this.decoder = new TextDecoder();
        this.bytes = 0;
        this.last = "";
        /** @type {Record<string, number>} */
        this.lines = { user: 0, group: 0, member: 0 };
    }

    /** @param {Uint8Array} piece */
    add(piece) {
        this.bytes += piece.length;
        const lines = (this.rest + this.decoder.decode(piece, { stream: true })).split("\n");
        this.rest = lines.pop() ?? "";
        for (const line of lines) this.addLine(line);
    }

    rest = "";

    /** @param {string} line */
    addLine(line) {
        const resource = /^\{"resource":"(\w+)"/.exec(line)?.[1];
        if (resource) this.lines[resource] += 1;
        this.last = line;
    }

    /** @returns {Progress} */
    progress() {
        return { bytes: this.bytes, user: this.lines.user, group: this.lines.group, member: this.lines.member };
    }
}

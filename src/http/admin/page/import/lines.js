/** Splits a file into lines and batches in the way the server does. Memory holds one batch, whatever the size of the file. */

/** @typedef {"csv" | "ndjson"} Format */
/** @typedef {{ number: number, start: number, end: number }} Line Its number in the file, and its position in bytes. */
/** @typedef {{ lines: Line[], start: number, end: number }} Batch Its bytes contain blank lines, too, which are no lines. */

const LF = 0x0a;
const QUOTE = 0x22;
const COMMA = 0x2c;
const BLANK = [0x09, LF, 0x0c, 0x0d, 0x20];
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];

/** The limits of a batch of the server, so that a request with one batch is read before its results are sent. */
const BATCH_LINES = 200;
const BATCH_BYTES = 1024 * 1024;

/**
 * The lines of a file from a position. In CSV, a record is one line, even if its cells contain line feeds.
 * @param {Blob} file @param {Format} format @returns {AsyncGenerator<Line>}
 */
export async function* readLines(file, format) {
    const first = await startOf(file);
    const splitter = new Splitter(format, first);
    const reader = file.slice(first).stream().getReader();
    try {
        for (;;) {
            const { value, done } = await reader.read();
            if (done) break;
            yield* splitter.push(value);
        }
        yield* splitter.finish();
    } finally {
        await reader.cancel();
    }
}

/** The position after a byte order mark, which spreadsheets write. @param {Blob} file */
async function startOf(file) {
    const start = new Uint8Array(await file.slice(0, BYTE_ORDER_MARK.length).arrayBuffer());
    return BYTE_ORDER_MARK.every((byte, i) => start[i] === byte) ? BYTE_ORDER_MARK.length : 0;
}

/** @param {AsyncGenerator<Line>} lines @returns {AsyncGenerator<Batch, void>} */
export async function* batches(lines) {
    /** @type {Line[]} */
    let batch = [];
    const take = () => {
        const [lines, start, end] = [batch, batch[0].start, batch[batch.length - 1].end];
        batch = [];
        return { lines, start, end };
    };
    for await (const line of lines) {
        batch.push(line);
        if (batch.length === BATCH_LINES || line.end - batch[0].start >= BATCH_BYTES) yield take();
    }
    if (batch.length) yield take();
}

/** Finds the ends of lines. */
class Splitter {
    /** @param {Format} format @param {number} position */
    constructor(format, position) {
        this.quoted = format === "csv" ? false : null; // null: quotes have no meaning.
        this.atCellStart = true;
        this.afterQuote = false;
        this.position = position;
        this.start = position;
        this.number = 1;
        this.feeds = 0;
        this.blank = true;
    }

    /** @param {Uint8Array} bytes @returns {Generator<Line>} */
    *push(bytes) {
        for (const byte of bytes) {
            this.position += 1;
            if (byte === LF) this.feeds += 1;
            if (this.blank && !BLANK.includes(byte)) this.blank = false;
            if (this.quoted !== null) this.follow(byte);
            if (byte === LF && !this.quoted) yield* this.take();
        }
    }

    /** Doubled quotes within quotes close and open again, which has the same effect. @param {number} byte */
    follow(byte) {
        if (byte === QUOTE && (this.quoted || this.atCellStart || this.afterQuote)) {
            this.afterQuote = Boolean(this.quoted);
            this.quoted = !this.quoted;
        } else {
            this.afterQuote = false;
        }
        this.atCellStart = !this.quoted && (byte === COMMA || byte === LF);
    }

    /** The last line, which can lack its line feed. */
    finish() {
        return this.take();
    }

    /** @returns {Line[]} */
    take() {
        const line = { number: this.number, start: this.start, end: this.position };
        const found = this.blank || line.start === line.end ? [] : [line];
        this.start = this.position;
        this.number = this.feeds + 1;
        this.blank = true;
        return found;
    }
}

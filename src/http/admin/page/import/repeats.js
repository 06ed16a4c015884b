/**
 * Finds lines about a user whom an earlier line of the file is about, too. The server would let the later one overwrite what the
 * earlier one has written, so that one of two people would be lost. Such lines are refused here: they are never sent.
 */
import { texts } from "../texts.js";
import { valuesIn } from "./results.js";

/** @typedef {import("./lines.js").Line} Line */
/** @typedef {{ line: number, errors: { pointer: string, code: string, detail: string }[] }} Repeat */

/** The number of users that are remembered, so that the memory has a bound. */
const MOST = 1_000_000;
const [LF, SPACE] = [0x0a, 0x20];

export class Repeats {
    /** @param {import("./source.js").Source} source @param {string} match */
    constructor(source, match) {
        this.source = source;
        this.match = match;
        /** The number of the first line of each user. @type {Map<string, number>} */
        this.first = new Map();
    }

    /** The repeats within a batch, which can be read again. @param {Line[]} lines @param {(line: Line) => string} textOf @returns {Repeat[]} */
    among(lines, textOf) {
        return lines.flatMap((line) => {
            const [attribute, value] = this.identityIn(textOf(line));
            if (typeof value !== "string" || !value) return [];
            const key = attribute === "externalId" ? value : value.toLowerCase();
            const first = this.first.get(key) ?? line.number;
            if (this.first.size < MOST) this.first.set(key, first);
            if (first === line.number) return [];
            return [{ line: line.number, errors: [{ pointer: `/${attribute}`, code: "repeated", detail: texts.import.repeated(first, attribute) }] }];
        });
    }

    /** The attribute by which the server finds the user of a line, and its value. @param {string} text @returns {[string, unknown]} */
    identityIn(text) {
        const { values } = valuesIn(this.source, text);
        if ((values.resource ?? "user") !== "user") return ["", null];
        const attribute = this.match || (values.after ? "id" : "userName");
        const { externalId, externalIds, ...others } = values.after ?? values;
        if (attribute === "externalId") return [attribute, externalId ?? externalIds?.native];
        return [attribute, { id: values.id, ...others }[attribute]];
    }
}

/** A copy without some lines, in which the others keep their numbers. @param {Uint8Array<ArrayBuffer>} bytes @param {number} start Its position in the file. @param {Line[]} lines */
export function blank(bytes, start, lines) {
    const copy = bytes.slice();
    for (const line of lines) {
        for (let i = line.start - start; i < line.end - start; i += 1) if (copy[i] !== LF) copy[i] = SPACE;
    }
    return copy;
}

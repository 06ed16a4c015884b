/** Collects the results of batches: whom each line concerns, what changes, and what is wrong. Its size has a bound, whatever the size of the file. */
import { texts } from "../texts.js";
import { nameOf } from "../user-search.js";
import { cellsOf, columnAt, valuesOf } from "./csv.js";

/** @typedef {import("./lines.js").Batch} Batch */
/** @typedef {import("./lines.js").Line} Line */
/** @typedef {import("./source.js").Source} Source */
/** @typedef {{ created: number, updated: number, unchanged: number, refused: number }} Totals */

/** The number of rows of each kind that are shown, and the size of all together, in characters. */
const MOST_ROWS = 2000;
const MOST_TEXT = 20_000_000;
const MOST_PLANNED = 500_000;

export class Results {
    /** @param {Source} source */
    constructor(source) {
        this.source = source;
        /** @type {Totals} */
        this.totals = { created: 0, updated: 0, unchanged: 0, refused: 0 };
        /** The number of lines with a result. */
        this.lines = 0;
        /** The first refused lines and, of a plan, the first changes. @type {{ refused: Row[], updated: Row[], created: Row[] }} */
        this.rows = { refused: [], updated: [], created: [] };
        /** The size of the rows. */
        this.size = 0;
        /** The positions of all refused lines, joined where they adjoin. @type {{ start: number, end: number }[]} */
        this.rejects = [];
        /** The ids of resources that would be created. @type {Set<string>} */
        this.planned = new Set();
        /** Whether the file is an export whose last line has not been found. */
        this.isOpenExport = false;
    }

    /**
     * @param {Batch} batch @param {(line: Line) => string} textOf @param {any[]} results @param {Totals} totals Those of the batch.
     * @param {import("./repeats.js").Repeat[]} repeats
     */
    add(batch, textOf, results, totals, repeats) {
        const offset = batch.lines[0].number - 1 - this.source.headerFeeds;
        const lines = new Map(batch.lines.map((line) => [line.number, line]));
        for (const name of /** @type {(keyof Totals)[]} */ (Object.keys(this.totals))) this.totals[name] += totals[name];
        const all = [...results.map((result) => ({ ...result, line: result.line + offset })), ...repeats];
        for (const result of all.sort((a, b) => a.line - b.line)) {
            const line = lines.get(result.line);
            if (line) this.addLine(line, textOf(line), result);
            else this.beginExport();
        }
        this.totals.refused += repeats.length;
        if (this.isOpenExport && isEndOfExport(textOf(batch.lines[batch.lines.length - 1]))) this.isOpenExport = false;
        this.lines += batch.lines.length;
    }

    /** The error after the last line of a batch says that an export begins in it without ending. Later batches may end it. */
    beginExport() {
        this.isOpenExport = true;
        this.totals.refused -= 1;
    }

    /** @param {Line} line @param {string} text @param {any} result */
    addLine(line, text, result) {
        if (result.errors && !this.isPlanned(result, text)) {
            this.reject(line);
            this.keep(this.rows.refused, line, text, result);
            return;
        }
        if (result.errors) {
            this.totals.refused -= 1;
            this.totals.created += 1;
        }
        if (result.id && this.planned.size < MOST_PLANNED) this.planned.add(result.id);
        this.keep(result.action === "update" ? this.rows.updated : this.rows.created, line, text, { action: "create", ...result, errors: undefined });
    }

    /** @param {Row[]} rows @param {Line} line @param {string} text @param {any} result */
    keep(rows, line, text, result) {
        if (rows.length >= MOST_ROWS || this.size > MOST_TEXT) return;
        rows.push(recordOf(this.source, line, text, result));
        this.size += text.length;
    }

    /** @param {Line} line */
    reject({ start, end }) {
        const last = this.rejects[this.rejects.length - 1];
        if (last?.end === start) last.end = end;
        else this.rejects.push({ start, end });
    }

    /** Whether a member is refused only because its user or group would be created by an earlier batch. @param {any} result @param {string} text */
    isPlanned({ errors }, text) {
        const isMember = errors.every((/** @type {any} */ { pointer }) => pointer === "/userId" || pointer === "/groupId");
        if (!isMember || !this.planned.size) return false;
        const member = JSON.parse(text);
        return errors.every((/** @type {any} */ { pointer }) => this.planned.has(member[pointer.slice(1)]));
    }

    /** The refused lines as a file, which can be corrected and imported. */
    rejectsFile() {
        const { file, header, type } = this.source;
        const parts = this.rejects.map(({ start, end }) => file.slice(start, end));
        return new Blob(header ? [file.slice(0, header.end), ...parts] : parts, { type });
    }
}

/** @param {string} text */
const isEndOfExport = (text) => /^\s*\{\s*"end"\s*:\s*true\b/.test(text);

/** @typedef {{ place: string, value: string | null, detail: string, hint: string | null }} Mistake */
/**
 * @typedef {object} Row
 * @property {number} line
 * @property {string} name
 * @property {string | null} id
 * @property {"user" | "group" | "member"} resource
 * @property {"create" | "update" | "refused"} action
 * @property {any} before
 * @property {any} after
 * @property {Mistake[]} mistakes
 * @property {string} text The beginning of the line.
 */

const MOST_SHOWN = 500;

/**
 * @param {Source} source @param {Line} line @param {string} text
 * @param {any} result A result of the API. @returns {Row}
 */
export function recordOf(source, line, text, result) {
    const { cells, values } = valuesIn(source, text);
    const attributes = values.after ?? values;
    return {
        line: line.number,
        name: nameIn(attributes),
        id: result.id ?? null,
        resource: ["group", "member"].includes(values.resource) ? values.resource : "user",
        action: result.errors ? "refused" : result.action,
        before: shown(result.before ?? {}),
        after: shown(result.after ?? attributes),
        mistakes: (result.errors ?? []).map((/** @type {any} */ error) => mistakeOf(error, source, cells, values)),
        text: text.trimEnd().slice(0, MOST_SHOWN),
    };
}

/** The values of a line, and the cells of which they are. @param {Source} source @param {string} text @returns {{ cells: string[], values: any }} */
export function valuesIn({ format, columns }, text) {
    const cells = format === "csv" ? cellsOf(text) : [];
    return { cells, values: format === "csv" ? valuesOf(columns, cells) : parsed(text) };
}

/** A state with the groups as a list, under a name that is no attribute of a user. Cells are text. @param {any} state */
function shown({ groups, ...attributes }) {
    if (attributes.active === "false") attributes.active = false;
    const names = typeof groups === "string" ? groups.split(";").filter(Boolean) : groups;
    return Array.isArray(names) ? { ...attributes, [texts.import.groups]: names.map((value) => ({ value })) } : attributes;
}

/** @param {string} text @returns {any} */
function parsed(text) {
    try {
        const value = JSON.parse(text);
        return typeof value === "object" && value !== null ? value : {};
    } catch {
        return {};
    }
}

/** @param {any} attributes */
function nameIn(attributes) {
    const given = attributes["name.givenName"];
    const family = attributes["name.familyName"];
    const name = attributes.name ?? { givenName: given, familyName: family };
    return String(nameOf({ ...attributes, name }) ?? "");
}

/**
 * @param {{ pointer: string, code: string, detail: string }} error @param {Source} source
 * @param {string[]} cells @param {any} values @returns {Mistake}
 */
function mistakeOf({ pointer, code, detail }, { format, columns }, cells, values) {
    const column = columnAt(columns, pointer);
    const value = format === "csv" ? cells[column] : valueAt(values, pointer);
    return {
        place: column >= 0 ? texts.import.column(columns[column].name) : pointer ? texts.import.attribute(pointer) : texts.import.wholeLine,
        value: !value || typeof value === "object" ? null : String(value).slice(0, MOST_SHOWN),
        detail: texts.import.detail(code, detail),
        hint: texts.import.hint(code, detail),
    };
}

/** @param {any} values @param {string} pointer A JSON pointer (RFC 6901). */
const valueAt = (values, pointer) => pointer.slice(1).split("/").reduce((value, part) => value?.[part.replaceAll("~1", "/").replaceAll("~0", "~")], values);

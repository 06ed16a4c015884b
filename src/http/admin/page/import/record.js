/** What the results of an import show of a line: whom it concerns, what changes, and what is wrong with it. */
import { texts } from "../texts.js";
import { nameOf } from "../user-search.js";
import { cellsOf, columnAt, valuesOf } from "./csv.js";

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

const MOST_TEXT = 500;

/**
 * @param {import("./source.js").Source} source @param {import("./lines.js").Line} line @param {string} text
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
        text: text.trimEnd().slice(0, MOST_TEXT),
    };
}

/** The values of a line, and the cells of which they are. @param {import("./source.js").Source} source @param {string} text @returns {{ cells: string[], values: any }} */
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
 * @param {{ pointer: string, code: string, detail: string }} error @param {import("./source.js").Source} source
 * @param {string[]} cells @param {any} values @returns {Mistake}
 */
function mistakeOf({ pointer, code, detail }, { format, columns }, cells, values) {
    const column = columnAt(columns, pointer);
    const value = format === "csv" ? cells[column] : valueAt(values, pointer);
    return {
        place: column >= 0 ? texts.import.column(columns[column].name) : pointer ? texts.import.attribute(pointer) : texts.import.wholeLine,
        value: !value || typeof value === "object" ? null : String(value).slice(0, MOST_TEXT),
        detail: texts.import.detail(code, detail),
        hint: texts.import.hint(code, detail),
    };
}

/** @param {any} values @param {string} pointer A JSON pointer (RFC 6901). */
const valueAt = (values, pointer) => pointer.slice(1).split("/").reduce((value, part) => value?.[part.replaceAll("~1", "/").replaceAll("~0", "~")], values);

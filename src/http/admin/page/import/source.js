/** The file that is imported. */
import { columnsOf, mappingOf, otherSeparator } from "./csv.js";
import { readLines } from "./lines.js";

/** @typedef {import("./csv.js").Column} Column */
/** @typedef {import("./lines.js").Format} Format */
/**
 * @typedef {object} Source
 * @property {File} file
 * @property {Format} format
 * @property {string} type The media type.
 * @property {import("./lines.js").Line | null} header The first line of CSV.
 * @property {number} headerFeeds The number of line feeds in the header.
 * @property {Column[]} columns Empty for NDJSON.
 * @property {string | null} map The mapping of columns for the API.
 * @property {string[]} preview The first lines.
 * @property {string | null} separator A separator other than commas, which the API does not read.
 */

const PREVIEW_LINES = 5;
const TYPES = { csv: "text/csv", ndjson: "application/x-ndjson" };

/** Reads the beginning of a file. @param {File} file @returns {Promise<Source>} */
export async function readSource(file) {
    const format = await formatOf(file);
    const isCsv = format === "csv";
    const found = [];
    for await (const line of readLines(file, format)) {
        found.push({ line, text: await file.slice(line.start, line.end).text() });
        if (found.length > PREVIEW_LINES) break;
    }
    const header = isCsv && found.length ? found[0] : null;
    const source = {
        file,
        format,
        type: TYPES[format],
        header: header?.line ?? null,
        headerFeeds: header ? header.text.split("\n").length - 1 : 0,
        preview: found.slice(isCsv ? 1 : 0, PREVIEW_LINES + (isCsv ? 1 : 0)).map(({ text }) => text),
        separator: header && otherSeparator(header.text),
    };
    return withColumns(source, header ? columnsOf(header.text) : []);
}

/** @param {Omit<Source, "columns" | "map">} source @param {Column[]} columns @returns {Source} */
export const withColumns = (source, columns) => ({ ...source, columns, map: mappingOf(columns) });

/** NDJSON begins with an object. Otherwise the file is CSV, whatever its name. @param {File} file @returns {Promise<Format>} */
async function formatOf(file) {
    const start = await file.slice(0, 1024).text();
    return /^\ufeff?\s*\{/.test(start) ? "ndjson" : "csv";
}

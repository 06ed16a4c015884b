/**
 * Reads the feed of changes from the newest to the oldest. The API reads it forwards, after a revision. Revisions have no
 * gaps, so the changes before a revision are in a window of known size.
 */
import { get, Problem } from "../api.js";

/** @typedef {import("../components/change.js").Change} Change */
/** @typedef {{ type: string, resource: string }} Filter Parameters of the API; "" means all. */
/**
 * @typedef {object} Position
 * @property {number} high The newest revision that is not read yet.
 * @property {number} low The revision before the oldest one to read.
 * @property {number} size The size of the next window.
 */

const PAGE = 500;
const FIRST_SIZE = 50;
const LARGEST_SIZE = 50_000;

/** After so many requests, what was found is shown, and the reader decides whether to go on. */
const REQUESTS = 12;

/** @param {number} high @param {number} low @returns {Position} */
export const startAt = (high, low = 0) => ({ high, low, size: FIRST_SIZE });

/**
 * Reads until `wanted` changes are found that `accept` accepts, for filters that the API does not have.
 * @param {Position} position @param {Filter} filter @param {(change: Change) => boolean} accept @param {{ wanted: number, requests?: number }} limits
 * @param {AbortSignal} signal @returns {Promise<{ items: Change[], position: Position }>}
 */
export async function readBackwards(position, filter, accept, { wanted, requests = REQUESTS }, signal) {
    /** @type {Change[]} */
    const items = [];
    for (let i = 0; i < requests && items.length < wanted && position.high > position.low; i += 1) {
        const window = await readWindow(position, filter, signal);
        const accepted = window.items.filter(accept);
        items.push(...accepted);
        const advanced = window.position.high < position.high;
        position = window.position;
        if (advanced) position.size = nextSize(position.size, window.items.length, accepted.length);
    }
    return { items, position };
}

/**
 * Where few changes are accepted, the next window is larger: as large as a page of the API if the filter matches many.
 * @param {number} size @param {number} matches @param {number} accepted
 */
function nextSize(size, matches, accepted) {
    if (accepted >= FIRST_SIZE / 2) return size;
    return Math.min(size * 8, matches > size / 8 ? PAGE : LARGEST_SIZE);
}

/**
 * Reads the newest window.
 * @param {Position} position @param {Filter} filter @param {AbortSignal} signal
 * @returns {Promise<{ items: Change[], position: Position }>}
 */
async function readWindow({ high, low, size }, filter, signal) {
    const start = Math.max(high - size, low);
    const page = await readPage(start, filter, signal);
    if ("earliest" in page) return { items: [], position: { high, low: Math.min(page.earliest - 1, high), size } };
    if (page.next < high && page.items.length === PAGE && size > PAGE) return { items: [], position: { high, low, size: PAGE } };
    const items = page.items.filter(({ revision }) => revision <= high);
    for (let { next } = page; next < high;) {
        const more = await readPage(next, filter, signal);
        if ("earliest" in more) break;
        items.push(...more.items.filter(({ revision }) => revision <= high));
        next = more.next;
    }
    return { items: items.reverse(), position: { high: start, low, size } };
}

/**
 * @param {number} after @param {Filter} filter @param {AbortSignal} signal
 * @returns {Promise<{ items: Change[], next: number } | { earliest: number }>} `earliest` if the beginning is not retained.
 */
async function readPage(after, filter, signal) {
    try {
        return (await get("/changes", { after, limit: PAGE, ...filter }, signal)).data;
    } catch (error) {
        if (error instanceof Problem && error.status === 410) return { earliest: error.body.earliest };
        throw error;
    }
}

/** Finds changes by time. The feed is ordered by time but addressed by revision, so the beginning of a period is searched. */
import { get, Problem } from "./api.js";

/** @typedef {{ time: string }} Change */

/** The number of revisions that the first step goes back; each further step is four times as long. */
const FIRST_STEP = 256;

/** The newest revision of the tenant. @param {AbortSignal} signal @returns {Promise<number>} */
export async function newestRevision(signal) {
    try {
        return (await get("/changes", { limit: 1 }, signal)).data.head;
    } catch (error) {
        if (error instanceof Problem && error.status === 410) return error.body.head;
        throw error;
    }
}

/**
 * Whether every change after the revision is in the period. Changes that are no longer retained are not.
 * @param {number} revision @param {Date} start @param {AbortSignal} signal
 */
async function isWithin(revision, start, signal) {
    try {
        const { data } = await get("/changes", { after: revision, limit: 1 }, signal);
        return data.items.length === 0 || new Date(data.items[0].time) >= start;
    } catch (error) {
        if (error instanceof Problem && error.status === 410) return false;
        throw error;
    }
}

/**
 * The newest revision before a time, found with a number of requests that grows with the logarithm of its distance.
 * @param {Date} start @param {AbortSignal} signal @returns {Promise<number>}
 */
export async function revisionBefore(start, signal) {
    return revisionBetween(start, await newestRevision(signal), signal);
}

/** The number of changes since a time. @param {Date} start @param {AbortSignal} signal @returns {Promise<number>} */
export async function countChangesSince(start, signal) {
    const head = await newestRevision(signal);
    return head - await revisionBetween(start, head, signal);
}

/** @param {Date} start @param {number} head @param {AbortSignal} signal @returns {Promise<number>} */
async function revisionBetween(start, head, signal) {
    let within = head;
    let outside = -1;
    for (let step = FIRST_STEP; outside < 0 && within > 0; step *= 4) {
        const revision = Math.max(head - step, 0);
        if (await isWithin(revision, start, signal)) within = revision;
        else outside = revision;
    }
    while (within - outside > 1 && outside >= 0) {
        const middle = Math.floor((within + outside) / 2);
        if (await isWithin(middle, start, signal)) within = middle;
        else outside = middle;
    }
    return within;
}

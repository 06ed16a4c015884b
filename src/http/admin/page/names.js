/** The names of users and groups whose ids are known, for example from changes. */
import { get } from "./api.js";
import { nameOf } from "./user-search.js";

/** @typedef {"users" | "groups"} Kind */
/** @typedef {Record<string, string | null>} Names By id; null if there is no name. */

/** A filter has at most 4 KiB, and a term of an id 49 bytes. */
const BATCH = 50;
const ATTRIBUTES = { users: "displayName,name,userName", groups: "displayName" };

/**
 * The names of at most 50 resources, including those that have been deleted.
 * @param {Kind} kind @param {string[]} ids @param {AbortSignal} [signal] @returns {Promise<Names>}
 */
export async function readNames(kind, ids, signal) {
    const filter = ids.map((id) => `id eq "${id}"`).join(" or ");
    const { data } = await get(`/${kind}`, { filter, attributes: ATTRIBUTES[kind], limit: BATCH }, signal);
    const found = Object.fromEntries(data.items.map((/** @type {any} */ item) => [item.id, nameOf(item)]));
    const deleted = ids.filter((id) => !(id in found));
    const former = await Promise.all(deleted.map((id) => formerName(kind, id, signal)));
    return { ...found, ...Object.fromEntries(deleted.map((id, i) => [id, former[i]])) };
}

/** The name before the deletion, which is the last change. @param {Kind} kind @param {string} id @param {AbortSignal} [signal] */
async function formerName(kind, id, signal) {
    const { data } = await get(`/${kind}/${id}/changes`, { limit: 1 }, signal).catch(() => ({ data: { items: [] } }));
    const before = data.items[0]?.before;
    return before ? nameOf({ ...before, id }) : null;
}

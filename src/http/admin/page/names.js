/** The names of users and groups whose ids are known, for example from changes. */
import { useEffect, useState } from "./vendor/htm-preact.js";
import { get } from "./api.js";
import { nameOf } from "./user-search.js";

/** @typedef {"users" | "groups"} Kind */
/** @typedef {Record<string, string | null>} Names By id; null if there is no name, and absent while it is unknown. */

/** A filter has at most 4 KiB, and a term of an id 49 bytes. */
const BATCH = 50;
const ATTRIBUTES = { users: "displayName,name,userName", groups: "displayName" };

/**
 * The names of resources, including those that have been deleted.
 * @param {Kind} kind @param {string[]} ids @returns {Names}
 */
export function useNames(kind, ids) {
    const [names, setNames] = useState(/** @type {Names} */ ({}));
    const missing = [...new Set(ids)].filter((id) => !(id in names));
    useEffect(() => {
        if (!missing.length) return;
        const { signal, abort } = abortable();
        const add = (/** @type {Names[]} */ found) => setNames((before) => Object.assign({}, before, ...found));
        // Without names, the ids are shown, so an error needs no message.
        Promise.all(batches(missing).map((batch) => readNames(kind, batch, signal))).then(add, () => {});
        return abort;
    }, [missing.join()]);
    return names;
}

function abortable() {
    const controller = new AbortController();
    return { signal: controller.signal, abort: () => controller.abort() };
}

/** @param {string[]} ids */
const batches = (ids) => Array.from({ length: Math.ceil(ids.length / BATCH) }, (_, i) => ids.slice(i * BATCH, (i + 1) * BATCH));

/** At most 50. @param {Kind} kind @param {string[]} ids @param {AbortSignal} [signal] @returns {Promise<Names>} */
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

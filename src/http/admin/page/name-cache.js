/** Names of single resources, for lists whose rows mention others. Those that are asked for at the same time are read together. */
import { useEffect, useState } from "./vendor/htm-preact.js";
import { get } from "./api.js";
import { currentLocation } from "./router.js";
import { can, currentSession } from "./session.js";
import { nameOf } from "./user-search.js";

/** @typedef {"user" | "group" | "connection" | "key"} Type */
/** @typedef {{ ids: Set<string>, names: Promise<Names> }} Batch */

const MOST_IDS = 50;
const BATCH_MS = 10;
const KEPT_MS = 60_000;

/** @type {Map<string, { name: Promise<string | null>, time: number }>} */
const known = new Map();

/** The batches that are not yet sent. @type {Map<string, Batch>} */
const open = new Map();

/**
 * The name of a resource: undefined while it is being read, null if it has none or may not be read.
 * @param {Type} type @param {string} id @returns {string | null | undefined}
 */
export function useName(type, id) {
    const [name, setName] = useState(/** @type {string | null | undefined} */ (undefined));
    useEffect(() => {
        let current = true;
        lookUp(type, id).then((found) => current && setName(found));
        return () => void (current = false);
    }, [type, id]);
    return name;
}

/** Names belong to who may read them. @param {Type} type */
const keyOf = (type) => `${currentSession().caller?.id} ${currentLocation().tenant} ${type}`;

/** Remembers names that a response contained, because readers cannot read connections. @param {Type} type @param {Record<string, string>} [names] */
export function learnNames(type, names = {}) {
    for (const [id, name] of Object.entries(names)) known.set(`${keyOf(type)} ${id}`, { name: Promise.resolve(name), time: Date.now() });
}

/** @param {Type} type @param {string} id @returns {Promise<string | null>} */
function lookUp(type, id) {
    const key = keyOf(type);
    const found = known.get(`${key} ${id}`);
    if (found && Date.now() - found.time < KEPT_MS) return found.name;
    const { ids, names } = batchOf(key, type);
    ids.add(id);
    const name = names.then((all) => all[id] ?? null, () => null);
    known.set(`${key} ${id}`, { name, time: Date.now() });
    return name;
}

/** @param {string} key @param {Type} type @returns {Batch} */
function batchOf(key, type) {
    const unsent = open.get(key);
    if (unsent && unsent.ids.size < MOST_IDS) return unsent;
    const ids = /** @type {Set<string>} */ (new Set());
    const wait = new Promise((resolve) => setTimeout(resolve, BATCH_MS));
    const names = wait.then(() => {
        if (open.get(key)?.ids === ids) open.delete(key);
        return read(type, [...ids]);
    });
    const batch = { ids, names };
    open.set(key, batch);
    return batch;
}

/** @param {Type} type @param {string[]} ids @returns {Promise<Names>} */
async function read(type, ids) {
    if (type === "user" || type === "group") return readNames(`${type}s`, ids);
    if (!can("admin")) return {};
    if (type === "connection") return readConnections(ids);
    const read = (/** @type {string} */ id) => get(`/${type}s/${id}`).then(({ data }) => [id, data.name], () => [id, null]);
    return Object.fromEntries(await Promise.all(ids.map(read)));
}

/** @param {string[]} ids @returns {Promise<Names>} */
async function readConnections(ids) {
    const filter = ids.map((id) => `id eq "${id}"`).join(" or ");
    const { data } = await get("/connections", { filter, limit: MOST_IDS });
    return Object.fromEntries(data.items.map((/** @type {any} */ { id, name }) => [id, name]));
}

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

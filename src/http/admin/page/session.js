/**
 * The key and the caller that it belongs to. The key is in memory and, only if the user asks for it, in the
 * sessionStorage of this tab. It is never in a URL, in a cookie or in localStorage.
 */
import { useEffect, useState } from "./vendor/htm-preact.js";

/** @typedef {"reader" | "writer" | "admin" | "operator"} Role */
/**
 * The response of `GET /me`.
 * @typedef {{ type: string, id: string, name: string | null, role: Role, expiresAt: string | null,
 *     tenant: { id: string, name: string } }} Caller
 */
/** @typedef {{ key: string | null, caller: Caller | null, expired: boolean }} Session */

const STORAGE_NAME = "roster-key";

/** Each role includes the permissions of those before it. @type {Role[]} */
const ROLES = ["reader", "writer", "admin", "operator"];

/** @type {Session} */
let session = { key: null, caller: null, expired: false };

/** @type {Set<(session: Session) => void>} */
const listeners = new Set();

/** Requests that wait until the user has signed in again. @type {Set<(again: boolean) => void>} */
const waiting = new Set();

/** @param {Session} next */
function change(next) {
    session = next;
    for (const listener of listeners) listener(session);
}

/** @param {boolean} again Whether the waiting requests are repeated. */
function resume(again) {
    for (const continuation of waiting) continuation(again);
    waiting.clear();
}

export const currentSession = () => session;

/** The key that an earlier load of the page kept in this tab. */
export const storedKey = () => sessionStorage.getItem(STORAGE_NAME);

/** The session; the component renders again when it changes. */
export function useSession() {
    const [value, setValue] = useState(session);
    useEffect(() => {
        setValue(session);
        listeners.add(setValue);
        return () => void listeners.delete(setValue);
    }, []);
    return value;
}

/** @param {string} key @param {Caller} caller @param {boolean} keep Whether sessionStorage keeps the key. */
export function signedIn(key, caller, keep) {
    if (keep) sessionStorage.setItem(STORAGE_NAME, key);
    else sessionStorage.removeItem(STORAGE_NAME);
    // A request that was meant for one tenant must not be repeated in another one.
    const sameTenant = session.caller?.tenant.id === caller.tenant.id;
    change({ key, caller, expired: false });
    resume(sameTenant);
}

export function signOut() {
    sessionStorage.removeItem(STORAGE_NAME);
    change({ key: null, caller: null, expired: false });
    resume(false);
}

/** Shows the sign-in dialog over the view. Resolves to whether the user has signed in again. @returns {Promise<boolean>} */
export function signInAgain() {
    if (!session.expired) change({ ...session, expired: true });
    return new Promise((resolve) => waiting.add(resolve));
}

/** Whether the caller's role includes the permissions of `role`. @param {Role} role */
export const can = (role) => {
    const own = session.caller?.role;
    return own !== undefined && ROLES.indexOf(own) >= ROLES.indexOf(role);
};

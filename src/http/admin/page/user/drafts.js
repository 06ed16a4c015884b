/**
 * Unsaved changes of forms. They are kept in memory until they are saved or discarded, so that going to another view, an
 * expired key or a failed request loses nothing. The browser asks before it closes the page.
 */
import { useCallback, useState } from "../vendor/htm-preact.js";
import { currentLocation } from "../router.js";
import { currentSession } from "../session.js";

/**
 * @typedef {object} Draft
 * @property {any} base The user when the form was opened.
 * @property {any} mine The user with the changes.
 * @property {string} json The attributes without a field, as they were typed.
 */

/** @type {Map<string, Draft>} */
const drafts = new Map();

addEventListener("beforeunload", (event) => drafts.size && event.preventDefault());

/** Nobody else who signs in sees the changes. @param {string} id */
const keyOf = (id) => `${currentSession().caller?.id} ${currentLocation().tenant} ${id}`;

/** @param {string} id */
export const hasDraft = (id) => drafts.has(keyOf(id));

/**
 * The draft of a user: the one that was left before, if there is one. Until something is entered, it follows the user.
 * @param {string} id @param {() => Draft} begin
 */
export function useDraft(id, begin) {
    const key = keyOf(id);
    const [, setRound] = useState(0);
    const change = useCallback((/** @type {Draft} */ next) => {
        drafts.set(key, next);
        setRound((round) => round + 1);
    }, [key]);
    const discard = useCallback(() => void drafts.delete(key), [key]);
    return { draft: drafts.get(key) ?? begin(), change, discard };
}

/** Adds users to a group and removes them from it. Both can be undone. */
import { request } from "../api.js";
import { undoable } from "../components/toasts.js";
import { texts } from "../texts.js";

/** @typedef {{ id: string, name: string }} Person */

/** @param {string} groupId @param {string[]} userIds */
export const addMembers = (groupId, userIds) => request(`/groups/${groupId}/members`, { method: "POST", body: { userIds } });

/** @param {string} groupId @param {string} userId */
export const removeMember = (groupId, userId) => request(`/groups/${groupId}/members/${userId}`, { method: "DELETE" });

/**
 * Adds users who are not members, and offers to undo it.
 * @param {any} group @param {Person[]} people @param {() => void} changed
 */
export async function addWithUndo(group, people, changed) {
    await addMembers(group.id, people.map(({ id }) => id));
    changed();
    const undo = async () => {
        for (const { id } of people) await removeMember(group.id, id);
        changed();
    };
    const about = `/groups/${group.id}/members${people.length > 1 ? "" : `/${people[0].id}`}`;
    undoable(texts.group.added(people.map(({ name }) => name), group.displayName), about, undo, changed);
}

/**
 * Removes a member, and offers to undo it.
 * @param {any} group @param {Person} person @param {(removed: boolean) => void} changed
 */
export async function removeWithUndo(group, { id, name }, changed) {
    await removeMember(group.id, id);
    changed(true);
    const undo = () => addMembers(group.id, [id]).then(() => changed(false));
    undoable(texts.group.removed(name, group.displayName), `/groups/${group.id}/members/${id}`, undo, () => changed(true));
}

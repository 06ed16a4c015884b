/** Adds users to a group and removes them from it. Both can be undone. */
import { request } from "../api.js";
import { toast } from "../components/toasts.js";
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
    toast(texts.group.added(people.map(({ name }) => name)), { action: { label: texts.common.undo, run: () => void undo().catch(reportFailure) } });
}

/**
 * Removes a member, and offers to undo it.
 * @param {any} group @param {Person} person @param {(removed: boolean) => void} changed
 */
export async function removeWithUndo(group, { id, name }, changed) {
    await removeMember(group.id, id);
    changed(true);
    const undo = () => void addMembers(group.id, [id]).then(() => changed(false), reportFailure);
    toast(texts.group.removed(name), { action: { label: texts.common.undo, run: undo } });
}

/** For actions of toasts, which have no place for an error. @param {import("../api.js").Problem} problem */
export const reportFailure = (problem) => toast(problem.detail, { kind: "bad" });

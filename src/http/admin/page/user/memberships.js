/** What the views of a user do with groups. */
import { request } from "../api.js";
import { toast } from "../components/toasts.js";
import { texts } from "../texts.js";

/** @param {string} groupId @param {string} userId */
const membership = (groupId, userId) => `/groups/${groupId}/members/${userId}`;

/** @typedef {{ id: string, displayName: string }} Group */

/** Adds a user to a group, and offers to undo it. @param {Group} group @param {string} userId @param {() => void} changed */
export async function addToGroup(group, userId, changed) {
    await write("PUT", group, userId, changed);
    toast(texts.user.groups.added(group.displayName), undo("DELETE", group, userId, changed));
}

/** Removes a user from a group, and offers to undo it. @param {Group} group @param {string} userId @param {() => void} changed */
export async function removeFromGroup(group, userId, changed) {
    await write("DELETE", group, userId, changed);
    toast(texts.user.groups.removed(group.displayName), undo("PUT", group, userId, changed));
}

/** @param {"PUT" | "DELETE"} method @param {Group} group @param {string} userId @param {() => void} changed */
async function write(method, group, userId, changed) {
    await request(membership(group.id, userId), { method });
    changed();
}

/** @param {"PUT" | "DELETE"} method @param {Group} group @param {string} userId @param {() => void} changed */
const undo = (method, group, userId, changed) => undoable(async () => write(method, group, userId, changed));

/** The button of a toast that undoes an action. @param {() => Promise<unknown>} action */
export const undoable = (action) => ({ action: { label: texts.common.undo, run: () => void action().then(reportUndone, reportFailure) } });

const reportUndone = () => toast(texts.user.undone);

/** @param {import("../api.js").Problem} problem */
export const reportFailure = (problem) => toast(problem.detail, { kind: "bad" });

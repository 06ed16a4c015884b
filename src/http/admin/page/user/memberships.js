/** What the views of a user do with groups. */
import { request } from "../api.js";
import { toast } from "../components/toasts.js";
import { texts } from "../texts.js";

/** @param {string} groupId @param {string} userId */
const membership = (groupId, userId) => `/groups/${groupId}/members/${userId}`;

/** @param {{ id: string, displayName: string }} group @param {string} userId @param {() => void} changed */
export async function addToGroup(group, userId, changed) {
    await request(membership(group.id, userId), { method: "PUT" });
    changed();
    const undo = () => void removeFromGroup(group, userId, changed).catch(reportFailure);
    toast(texts.user.groups.added(group.displayName), { action: { label: texts.common.undo, run: undo } });
}

/** @param {{ id: string, displayName: string }} group @param {string} userId @param {() => void} changed */
export async function removeFromGroup(group, userId, changed) {
    await request(membership(group.id, userId), { method: "DELETE" });
    changed();
    const undo = () => void addToGroup(group, userId, changed).catch(reportFailure);
    toast(texts.user.groups.removed(group.displayName), { action: { label: texts.common.undo, run: undo } });
}

/** @param {import("../api.js").Problem} problem */
export const reportFailure = (problem) => toast(problem.detail, { kind: "bad" });

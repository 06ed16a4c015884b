/** Compares the members of a group at a point in the past with those at present, by the changes since then. */

/** @typedef {{ revision: number, time: string, type: string, userId: string, requestId: string }} Change */
/** @typedef {{ added: Change[], removed: Change[] }} Comparison Each with the newest change of the membership, newest first. */

/** Whether a change was made after a point, which is a time or a revision. @param {Change} change @param {string} at */
export const isAfter = ({ revision, time }, at) => (at.includes("-") ? new Date(time) > new Date(at) : revision > Number(at));

/**
 * Who has become a member since, and who no longer is one. Who was added and then removed again is neither.
 * @param {Change[]} changes Those of the group, newest first. @param {string} at @returns {Comparison}
 */
export function compare(changes, at) {
    const since = membershipChanges(changes.filter((change) => isAfter(change, at)));
    const newest = new Map([...since].reverse().map((change) => [change.userId, change]));
    const oldest = new Map(since.map((change) => [change.userId, change]));
    const changed = [...newest.values()].filter(({ userId, type }) => oldest.get(userId)?.type === type).sort((a, b) => b.revision - a.revision);
    return {
        added: changed.filter(({ type }) => type === "member.added"),
        removed: changed.filter(({ type }) => type === "member.removed"),
    };
}

/**
 * A group is created after the point only if it is restored, with the members that it had.
 * @param {Change[]} changes
 */
function membershipChanges(changes) {
    const restores = new Set(changes.filter(({ type }) => type === "group.created").map(({ requestId }) => requestId));
    return changes.filter(({ type, requestId }) => type.startsWith("member.") && !restores.has(requestId));
}

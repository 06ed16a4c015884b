import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { AsOfField } from "../components/as-of-field.js";
import { Button } from "../components/button.js";
import { EmptyState, Skeleton } from "../components/empty-state.js";
import { ErrorNotice } from "../components/error-notice.js";
import { Section } from "../components/page.js";
import { Actor, Reference } from "../components/reference.js";
import { Table } from "../components/table.js";
import { Time } from "../components/time.js";
import { useAction, useList } from "../hooks.js";
import { useName } from "../name-cache.js";
import { Link } from "../router.js";
import { can } from "../session.js";
import { texts } from "../texts.js";
import { nameOf } from "../user-search.js";
import { addWithUndo } from "./membership.js";

const PAGE = 500;
/** More changes are read only when asked to. */
const MOST_READ = 5000;
const MOST_SHOWN = 20;
const MORE_SHOWN = 100;

/** Of a list of members. @type {import("../components/table.js").Column[]} */
const COLUMNS = [
    { id: "name", label: texts.users.name, render: (item) => html`<${Link} to=${`/users/${item.userId}`}>${nameOf({ ...item, id: item.userId })}<//>` },
    { id: "userName", label: texts.users.userName, render: ({ userName }) => userName },
    { id: "added", label: texts.group.addedAt, render: ({ addedAt }) => html`<${Time} value=${addedAt} />` },
];

/** The members at a time or revision, and how the present ones differ. @param {{ group: any, at: string, changed: () => void }} props */
export function MembersAsOf({ group, at, changed }) {
    const list = useList(`/groups/${group.id}/members`, { at, include: "total" });
    if (list.error?.status === 404) {
        return html`<${AsOfField} label=${texts.asOf.members} /><${EmptyState} title=${texts.group.asOf.unknown} hint=${texts.group.asOf.unknownHint} />`;
    }
    return html`
        <${AsOfField} label=${texts.asOf.members} />
        ${!list.error && html`<${Differences} group=${group} at=${at} changed=${changed} />`}
        <${Section} title=${html`<${Title} at=${at} total=${list.total} />`}>
            <${FormerMembers} list=${list} />
        <//>`;
}

/** @param {{ list: import("../hooks.js").List }} props */
export function FormerMembers({ list }) {
    const empty = html`<${EmptyState} title=${texts.group.asOf.noMembers} />`;
    return html`
        <${Table} caption=${texts.group.asOf.title} columns=${COLUMNS} list=${list} keyOf=${(/** @type {any} */ { userId }) => userId} empty=${empty} />`;
}

/** @param {{ at: string, total: number | null }} props */
function Title({ at, total }) {
    const point = at.includes("-") ? html`<${Time} value=${at} form="precise" />` : texts.group.asOf.revision(at);
    return html`${texts.group.asOf.title} ${point}${total !== null && html` <span class="muted">(${texts.common.integer(total)})</span>`}`;
}

/** @param {{ group: any, at: string, changed: () => void }} props */
function Differences({ group, at, changed }) {
    const list = useList(`/groups/${group.id}/changes`, { limit: PAGE });
    const { items, loading, error, hasMore, loadMore, reload } = list;
    const [most, setMost] = useState(MOST_READ);
    const complete = items.length > 0 && (!hasMore || !isAfter(items[items.length - 1], at));
    useEffect(() => {
        if (items.length && !complete && !loading && !error && items.length < most) loadMore();
    }, [items, complete, loading, most]);
    const { added, removed } = compare(items, at);
    const again = () => {
        changed();
        reload();
    };
    const giveBack = useAction((/** @type {Change} */ { userId }, /** @type {string} */ name) => addWithUndo(group, [{ id: userId, name }], again));
    const same = complete && !added.length && !removed.length;
    return html`
        <${Section} title=${texts.group.asOf.differences}>
            <div class="stack">
                <${ErrorNotice} error=${error ?? giveBack.error} />
                ${!complete && !error && items.length < most && html`<${Skeleton} lines=${2} />`}
                ${same && html`<p class="muted">${texts.group.asOf.same}</p>`}
                <${People} title=${texts.group.asOf.removed(removed.length)} changes=${removed} action=${can("writer") ? giveBack : null} />
                <${People} title=${texts.group.asOf.added(added.length)} changes=${added} action=${null} />
                ${!complete && items.length >= most && html`
                    <p class="muted" role="status">${texts.group.asOf.incomplete} <${Time} value=${items[items.length - 1].time} form="precise" />.</p>
                    <div><${Button} onClick=${() => setMost(most + MOST_READ)}>${texts.group.asOf.readMore}<//></div>`}
            </div>
        <//>`;
}

/**
 * Users whose membership differs, with who changed it and when.
 * @param {{ title: string, changes: Change[], action: { busy: boolean, run: (change: Change, name: string) => unknown } | null }} props
 */
function People({ title, changes, action }) {
    const [shown, setShown] = useState(MOST_SHOWN);
    if (!changes.length) return null;
    return html`
        <div>
            <h3>${title}</h3>
            <ul class="rows">
                ${changes.slice(0, shown).map((change) => html`<${Person} key=${change.userId} change=${change} action=${action} />`)}
            </ul>
            ${changes.length > shown && html`
                <${Button} kind="quiet" onClick=${() => setShown(shown + MORE_SHOWN)}>${texts.group.asOf.showMore(changes.length - shown)}<//>`}
        </div>`;
}

/** @param {{ change: any, action: { busy: boolean, run: (change: Change, name: string) => unknown } | null }} props */
function Person({ change, action }) {
    const name = useName("user", change.userId) ?? texts.group.asOf.thisUser;
    return html`
        <li>
            <span class="grow">
                <${Reference} type="user" id=${change.userId} />${" "}
                <span class="muted small"><${Time} value=${change.time} /> · <${Actor} actor=${change.actor} /></span>
            </span>
            ${action && html`
                <${Button} busy=${action.busy} onClick=${() => action.run(change, name)} aria-label=${texts.group.asOf.addAgainLabel(name)}>
                    ${texts.group.asOf.addAgain}
                <//>`}
        </li>`;
}

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

import { html, useState } from "../vendor/htm-preact.js";
import { Button, ButtonLink } from "../components/button.js";
import { EmptyState } from "../components/empty-state.js";
import { ErrorNotice } from "../components/error-notice.js";
import { SearchField } from "../components/search-field.js";
import { Table } from "../components/table.js";
import { Time } from "../components/time.js";
import { quote } from "../filter-language.js";
import { useAction, useLists } from "../hooks.js";
import { hrefWith, Link, setQuery, useLocation } from "../router.js";
import { can } from "../session.js";
import { texts } from "../texts.js";
import { emailOf, nameOf, searchSources } from "../user-search.js";
import { AddMembers } from "./add-members.js";
import { removeWithUndo } from "./membership.js";

const LIMIT = 50;
const DAY_MS = 86_400_000;

/** A member has `userId`, a user `id`. @param {any} item @returns {string} */
const idOf = ({ userId, id }) => userId ?? id;

/** The members of a group at present. @param {{ group: any, changed: () => void }} props */
export function Members({ group, changed }) {
    const { query } = useLocation();
    const search = query.get("search") ?? "";
    const sort = query.get("sort");
    const list = useLists(memberSources(group.id, search.trim(), sort));
    const { shown, remove } = useRemoval(group, list, changed);
    const added = () => {
        changed();
        list.reload();
    };
    const columns = columnsOf(Boolean(search.trim() || sort), remove);
    const order = (/** @type {string} */ next) => setQuery({ sort: sort === `-${next}` ? null : next });
    return html`
        <div class="toolbar">
            <div class="grow">
                <${SearchField} label=${texts.group.searchMembers} value=${search}
                    onSearch=${(/** @type {string} */ text) => setQuery({ search: text }, { replace: true })} />
            </div>
            <${ButtonLink} href=${hrefWith({ at: past(group), search: null, sort: null })}>${texts.group.asOf.compare}<//>
            ${can("writer") && html`<${ButtonLink} kind="primary" icon="add" href=${hrefWith({ add: 1 })}>${texts.group.add}<//>`}
        </div>
        <${ErrorNotice} error=${remove.error} />
        <${Table} caption=${texts.group.members} columns=${columns} list=${shown} keyOf=${idOf} sort=${sort ?? ""} onSort=${order}
            empty=${html`<${NoMembers} search=${search} />`} />
        ${query.has("add") && can("writer") && html`
            <${AddMembers} group=${group} onAdded=${added} onClose=${() => setQuery({ add: null }, { replace: true })} />`}`;
}

/** The time to compare with at first: a day ago, or the creation of a younger group. @param {any} group */
function past({ createdAt }) {
    const time = new Date(Math.max(Date.now() - DAY_MS, new Date(createdAt).getTime() + 1000));
    time.setMilliseconds(0);
    return time.toISOString();
}

/**
 * The members in the order of the API with the times at which they were added, or, searched or sorted, the users in the group.
 * @param {string} groupId @param {string} text @param {string | null} sort @returns {import("../hooks.js").Source[]}
 */
function memberSources(groupId, text, sort) {
    const inGroup = `groups.value eq ${quote(groupId)}`;
    const parameters = { limit: LIMIT, attributes: "displayName,name,userName,emails" };
    if (!text && !sort) return [{ path: `/groups/${groupId}/members`, query: { limit: LIMIT, include: "total" } }];
    if (!text) return [{ path: "/users", query: { ...parameters, filter: inGroup, sort } }];
    return searchSources(text, sort, parameters).map(({ path, query }) => ({ path, query: { ...query, filter: `${inGroup} and (${query?.filter})` } }));
}

/**
 * @typedef {object} Removal
 * @property {string | null} id That of the member who is being removed.
 * @property {import("../api.js").Problem | null} error
 * @property {(item: any) => Promise<boolean>} run
 */

/**
 * The list without the members that have just been removed, so that the others stay where they are.
 * @param {any} group @param {import("../hooks.js").List} list @param {() => void} changed
 */
function useRemoval(group, list, changed) {
    const [removed, setRemoved] = useState(/** @type {string[]} */ ([]));
    const [current, setCurrent] = useState(/** @type {string | null} */ (null));
    const mark = (/** @type {string} */ id) => (/** @type {boolean} */ gone) => {
        setRemoved((before) => (gone ? [...before, id] : before.filter((other) => other !== id)));
        changed();
    };
    const { run, busy, error } = useAction((/** @type {any} */ item) => {
        const id = idOf(item);
        setCurrent(id);
        return removeWithUndo(group, { id, name: nameOf({ ...item, id }) }, mark(id));
    });
    const items = list.items.filter((item) => !removed.includes(idOf(item)));
    const total = list.total === null ? null : group.memberCount;
    return { shown: { ...list, items, total }, remove: { id: busy ? current : null, error, run } };
}

/** @param {boolean} asUsers @param {Removal} remove @returns {import("../components/table.js").Column[]} */
function columnsOf(asUsers, remove) {
    const name = (/** @type {any} */ item) => html`<${Link} to=${`/users/${idOf(item)}`}>${nameOf({ ...item, id: idOf(item) })}<//>`;
    const email = { id: "email", label: texts.users.email, render: emailOf };
    const added = { id: "added", label: texts.group.addedAt, render: (/** @type {any} */ { addedAt }) => html`<${Time} value=${addedAt} />` };
    return [
        { id: "name", label: texts.users.name, sort: "displayName", render: name },
        { id: "userName", label: texts.users.userName, sort: "userName", render: ({ userName }) => userName },
        asUsers ? email : added,
        ...(can("writer") ? [removeColumn(remove)] : []),
    ];
}

/** @param {Removal} remove @returns {import("../components/table.js").Column} */
function removeColumn({ id, run }) {
    const click = async (/** @type {MouseEvent} */ event, /** @type {any} */ item) => {
        const next = neighbour(/** @type {Element} */ (event.currentTarget));
        if (await run(item)) next?.focus();
    };
    const button = (/** @type {any} */ item) => html`
        <${Button} kind="quiet" busy=${id === idOf(item)} onClick=${(/** @type {MouseEvent} */ event) => click(event, item)}
            aria-label=${texts.group.removeLabel(nameOf({ ...item, id: idOf(item) }))}>${texts.group.remove}<//>`;
    return { id: "remove", label: texts.group.action, width: "narrow", render: button };
}

/** The same button in the next row, which takes the focus when this row disappears. @param {Element} button @returns {HTMLElement | null | undefined} */
function neighbour(button) {
    const row = button.closest("tr");
    return (row?.nextElementSibling ?? row?.previousElementSibling)?.querySelector("button");
}

/** @param {{ search: string }} props */
function NoMembers({ search }) {
    if (search) return html`<${EmptyState} ...${texts.group.noMatch(search)} />`;
    return html`
        <${EmptyState} title=${texts.group.noMembers} hint=${can("writer") ? texts.group.noMembersHint : null}>
            ${can("writer") && html`<${ButtonLink} icon="add" href=${hrefWith({ add: 1 })}>${texts.group.add}<//>`}
        <//>`;
}

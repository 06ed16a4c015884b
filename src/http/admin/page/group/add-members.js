import { html, useState } from "../vendor/htm-preact.js";
import { Badge } from "../components/badge.js";
import { Button } from "../components/button.js";
import { Dialog } from "../components/dialog.js";
import { ErrorNotice } from "../components/error-notice.js";
import { Checkbox } from "../components/form.js";
import { SearchField } from "../components/search-field.js";
import { quote } from "../filter-language.js";
import { useAction, useLists, useResource } from "../hooks.js";
import { texts } from "../texts.js";
import { emailOf, nameOf, searchSources } from "../user-search.js";
import { addWithUndo } from "./membership.js";

/** @typedef {import("./membership.js").Person} Person */

const MOST_SHOWN = 10;
/** What one request can add. */
const MOST_ADDED = 1000;

/** Finds users and adds several at once. @param {{ group: any, onAdded: () => void, onClose: () => void }} props */
export function AddMembers({ group, onAdded, onClose }) {
    const [text, setText] = useState("");
    const [chosen, setChosen] = useState(/** @type {Person[]} */ ([]));
    const { run, busy, error } = useAction(async () => {
        await addWithUndo(group, chosen, onAdded);
        onClose();
    });
    const toggle = (/** @type {Person} */ person, /** @type {boolean} */ on) =>
        setChosen((before) => [...before.filter(({ id }) => id !== person.id), ...(on ? [person] : [])]);
    const submit = (/** @type {Event} */ event) => {
        event.preventDefault();
        if (chosen.length && !busy) run();
    };
    return html`
        <${Dialog} title=${texts.group.addTitle(group.displayName)} onClose=${onClose}>
            <form class="stack" onSubmit=${submit}>
                <${SearchField} label=${texts.users.search} value=${text} onSearch=${setText} autofocus />
                <${Results} group=${group} text=${text.trim()} chosen=${chosen} toggle=${toggle} />
                <${Chosen} people=${chosen} remove=${(/** @type {Person} */ person) => toggle(person, false)} />
                <${ErrorNotice} error=${error} />
                <div class="dialog-actions">
                    <${Button} onClick=${onClose}>${texts.common.cancel}<//>
                    <${Button} kind="primary" type="submit" busy=${busy} disabled=${!chosen.length || chosen.length > MOST_ADDED}>
                        ${texts.group.addUsers(chosen.length)}
                    <//>
                </div>
            </form>
        <//>`;
}

/** @param {{ group: any, text: string, chosen: Person[], toggle: (person: Person, on: boolean) => void }} props */
function Results({ group, text, chosen, toggle }) {
    const parameters = { limit: MOST_SHOWN, attributes: "displayName,name,userName,emails" };
    const list = useLists(text ? searchSources(text, null, parameters) : []);
    const users = list.items.slice(0, MOST_SHOWN);
    const members = useMembersAmong(group.id, users.map(({ id }) => id));
    return html`
        <${ErrorNotice} error=${list.error} />
        <ul class="choices" aria-busy=${list.loading}>
            ${users.map((user) => html`
                <li key=${user.id}>
                    <${Checkbox} label=${nameOf(user)} hint=${emailOf(user) ?? user.userName} disabled=${members.includes(user.id)}
                        checked=${members.includes(user.id) || chosen.some(({ id }) => id === user.id)}
                        onInput=${(/** @type {boolean} */ on) => toggle({ id: user.id, name: nameOf(user) }, on)} />
                    ${members.includes(user.id) && html`<${Badge}>${texts.group.alreadyMember}<//>`}
                </li>`)}
            ${!users.length && html`<li class="muted">${hintOf(text, list.loading)}</li>`}
        </ul>
        <p class="visually-hidden" role="status">${text && !list.loading && texts.group.found(users.length)}</p>`;
}

/** @param {string} text @param {boolean} loading */
function hintOf(text, loading) {
    if (!text) return texts.group.searchHint;
    return loading ? texts.group.searching : texts.users.noMatch(text).title;
}

/** The ids of those users who are members. @param {string} groupId @param {string[]} ids @returns {string[]} */
function useMembersAmong(groupId, ids) {
    const filter = `groups.value eq ${quote(groupId)} and (${ids.map((id) => `id eq ${quote(id)}`).join(" or ")})`;
    const { data } = useResource(ids.length ? "/users" : null, { filter, attributes: "id", limit: MOST_SHOWN });
    return data?.items.map((/** @type {any} */ { id }) => id) ?? [];
}

/** @param {{ people: Person[], remove: (person: Person) => void }} props */
function Chosen({ people, remove }) {
    if (!people.length) return null;
    return html`
        <div role="group" aria-label=${texts.group.chosen}>
            <ul class="chips">
                ${people.map((person) => html`
                    <li key=${person.id}>
                        <${Button} icon="close" onClick=${() => remove(person)} aria-label=${texts.group.doNotAdd(person.name)}>${person.name}<//>
                    </li>`)}
            </ul>
        </div>`;
}

import { html } from "../vendor/htm-preact.js";
import { AsOfField } from "../components/as-of-field.js";
import { EmptyState, Skeleton } from "../components/empty-state.js";
import { ErrorNotice } from "../components/error-notice.js";
import { Section } from "../components/page.js";
import { Reference } from "../components/reference.js";
import { Time } from "../components/time.js";
import { useList, useResource } from "../hooks.js";
import { texts } from "../texts.js";
import { ChangedSince } from "./changed-since.js";
import { Profile } from "./profile.js";

/** @typedef {import("../hooks.js").List} List */

const GROUPS = { limit: 500, attributes: "displayName" };

/**
 * A user at a time or revision, with what is different now and buttons to give it back. `user` is the present state, or
 * null if the user does not exist.
 * @param {{ id: string, at: string, user: any, changed?: (user: any) => void }} props
 */
export function AsOf({ id, at, user, changed }) {
    const { data: then, error } = useResource(`/users/${id}`, { at });
    const groupsThen = useList(`/users/${id}/groups`, { ...GROUPS, at });
    const groupsNow = useList(user ? `/users/${id}/groups` : null, GROUPS);
    return html`
        <${AsOfField} key=${at} />
        <${Failure} error=${error} />
        ${!then && !error && html`<${Skeleton} lines=${8} />`}
        ${then && user && html`
            <${ChangedSince} then=${then} user=${user} groupsThen=${groupsThen} groupsNow=${groupsNow} changed=${changed} />`}
        ${then && html`
            <h2 class="as-of-title"><${Title} at=${at} then=${then} /></h2>
            <${Profile} user=${then} />
            <${GroupsThen} list=${groupsThen} />`}`;
}

/** @param {{ error: import("../api.js").Problem | null }} props */
function Failure({ error }) {
    if (error?.status !== 404) return html`<${ErrorNotice} error=${error} />`;
    return html`<${EmptyState} title=${texts.user.asOf.unknown} hint=${texts.user.asOf.unknownHint} />`;
}

/** @param {{ at: string, then: any }} props */
function Title({ at, then }) {
    if (at.includes("-")) return html`${texts.user.asOf.state} <${Time} value=${at} form="precise" />`;
    return html`${texts.user.asOf.afterRevision(at)} (<${Time} value=${then.updatedAt} form="precise" />)`;
}

/** @param {{ list: List }} props */
function GroupsThen({ list: { items, loading, error, hasMore } }) {
    const links = items.map(({ id, displayName }) => html`<li key=${id}><${Reference} type="group" id=${id} name=${displayName} /></li>`);
    return html`
        <${Section} title=${texts.user.asOf.groups}>
            <${ErrorNotice} error=${error} />
            ${!items.length && !loading && html`<p class="muted">${texts.user.asOf.noGroups}</p>`}
            <ul class="inline-list">${links}</ul>
            ${hasMore && html`<p class="muted">${texts.user.asOf.moreGroups}</p>`}
        <//>`;
}

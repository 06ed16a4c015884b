import { html } from "../vendor/htm-preact.js";
import { differences, labelOf } from "../attributes.js";
import { Link } from "../router.js";
import { texts } from "../texts.js";
import { nameOf } from "../user-search.js";
import { Diff } from "./diff.js";
import { Reference } from "./reference.js";

/**
 * @typedef {object} Change One row of the feed.
 * @property {number} revision @property {string} time @property {string} type @property {string} resource @property {number} version
 * @property {{ type: string, id: string }} actor @property {string} requestId @property {string} [traceId]
 * @property {string} [id] @property {string} [groupId] @property {string} [userId]
 * @property {Record<string, any> | null} before @property {Record<string, any> | null} after
 * @property {number[]} [reverts] @property {boolean} [erased]
 */

/**
 * The type of a change, with more precise ones for what people ask for: who was deactivated, reactivated or restored.
 * @param {Pick<Change, "type" | "before" | "after" | "version">} change
 */
export function meaningOf({ type, before, after, version }) {
    if (version > 1 && /^(user|group)\.created$/.test(type)) return type.replace("created", "restored");
    if (type !== "user.updated" || before?.active === undefined || before.active === after?.active) return type;
    return after?.active ? "user.reactivated" : "user.deactivated";
}

const MOST_REVISIONS = 20;
const LINKED = ["user", "group", "connection", "key"];

/** What happened to what: "Updated user Ada Lovelace". @param {{ change: Change }} props */
export function ChangeTitle({ change }) {
    const { type, resource, id, groupId, userId } = change;
    const title = texts.changeTypes[meaningOf(change)] ?? type;
    if (userId && groupId) {
        return html`<${Reference} type="user" id=${userId} /> ${texts.changes.moved[type]} <${Reference} type="group" id=${groupId} />`;
    }
    if (!id || !LINKED.includes(resource)) return html`${title} ${change.after?.name ?? change.before?.name}`;
    return html`${title} <${Reference} type=${resource} id=${id} name=${nameIn(change)} />`;
}

/** The name that the change itself contains, if it does. @param {Change} change @returns {string | undefined} */
function nameIn({ resource, before, after }) {
    if (resource !== "user") return (after ?? before)?.displayName ?? (after ?? before)?.name;
    const user = before && after ? null : after ?? before;
    return user ? nameOf({ ...user, id: undefined }) : undefined;
}

/** The names of the attributes that a change concerns. @param {{ change: Change }} props */
export function ChangedAttributes({ change: { before, after } }) {
    if (!before || !after) return null;
    const labels = differences(before, after).map(({ path }) => labelOf(path.replace(/^(externalId|held|brake)s?\..*/, "$1")));
    return html`<span class="muted small">${[...new Set(labels)].join(", ")}</span>`;
}

/** The attributes before and after a change. @param {{ change: Change }} props */
export function ChangeDetail({ change: { before, after, erased, type } }) {
    if (erased) return html`<p class="muted">${texts.changes.erased}</p>`;
    if (!before && !after) return html`<p class="muted">${type.startsWith("member.") ? texts.changes.member : texts.changes.noValues}</p>`;
    return html`<${Diff} before=${before} after=${after} />`;
}

/** Links to changes. @param {{ revisions: number[], count: number }} props */
export function Revisions({ revisions, count }) {
    const t = texts.requests;
    if (!count) return html`<span class="muted">${t.noChanges}</span>`;
    return html`
        <ul class="badges">
            ${revisions.slice(0, MOST_REVISIONS).map((revision) => html`
                <li key=${revision}><${Link} to="/changes" query=${{ revision, open: revision }}>${t.revision(revision)}<//></li>`)}
            ${count > MOST_REVISIONS && html`<li class="muted">${t.otherChanges(count - MOST_REVISIONS)}</li>`}
        </ul>`;
}

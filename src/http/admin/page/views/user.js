import { html, useState } from "../vendor/htm-preact.js";
import { Badge } from "../components/badge.js";
import { ButtonLink } from "../components/button.js";
import { Loading } from "../components/loading.js";
import { Page } from "../components/page.js";
import { useResource } from "../hooks.js";
import { learnNames } from "../name-cache.js";
import { hrefWith, useLocation } from "../router.js";
import { can } from "../session.js";
import { texts } from "../texts.js";
import { Actions } from "../user/actions.js";
import { AsOf } from "../user/as-of.js";
import { Content } from "../user/content.js";
import { Deleted } from "../user/deleted.js";
import { hasDraft } from "../user/drafts.js";
import { Editor } from "../user/editor.js";
import { DeactivatedNotice, RestoredNotice } from "../user/notices.js";
import { nameOf } from "../user-search.js";

/** A user: its attributes, groups and history, at present or at a point in the past. @param {{ id: string }} props */
export default function User({ id }) {
    const { data: user, error, reload, replace } = useResource(`/users/${encodeURIComponent(id)}`, { include: "externalIdSources" });
    const [restored, setRestored] = useState(/** @type {any} */ (null));
    const showRestored = (/** @type {any} */ { restored: result, ...next }) => {
        setRestored(result);
        replace(next);
    };
    // Responses to writes do not contain the names of connections.
    const changed = (/** @type {any} */ next) => replace({ externalIdSources: user.externalIdSources, ...next });
    const deleted = () => {
        setRestored(null);
        reload();
    };
    if (error?.status === 404) return html`<${Deleted} id=${id} restored=${showRestored} />`;
    if (!user) return html`<${Loading} error=${error} retry=${reload} />`;
    learnNames("connection", user.externalIdSources);
    const actions = html`<${Actions} user=${user} changed=${changed} deleted=${deleted} restored=${showRestored} />`;
    const notice = restored && html`<${RestoredNotice} restored=${restored} onClose=${() => setRestored(null)} />`;
    return html`<${Existing} user=${user} changed=${changed} deleted=${deleted} actions=${actions} notice=${notice} />`;
}

/** @param {{ user: any, changed: (user: any) => void, deleted: () => void, actions: unknown, notice: unknown }} props */
function Existing({ user, changed, deleted, actions, notice }) {
    const { query } = useLocation();
    const at = query.get("at");
    const editing = query.has("edit") && can("writer");
    const status = html`<${Badge} kind=${user.active ? "good" : "warning"}>${user.active ? texts.users.active : texts.users.inactive}<//>`;
    return html`
        <${Page} title=${nameOf(user)} lead=${html`${!at && status} ${user.userName}`} actions=${!editing && !at && actions}>
            ${notice}
            ${!user.active && !editing && html`<${DeactivatedNotice} key=${user.version} user=${user} />`}
            ${!editing && hasDraft(user.id) && html`<${DraftNotice} />`}
            ${editing ? html`<${Editor} user=${user} changed=${changed} deleted=${deleted} />`
                : at ? html`<${AsOf} id=${user.id} at=${at} user=${user} changed=${changed} />`
                    : html`<${Content} user=${user} id=${user.id} changed=${changed} />`}
        <//>`;
}

function DraftNotice() {
    return html`
        <div class="notice">
            <p class="notice-body">${texts.user.form.draft}</p>
            <${ButtonLink} href=${hrefWith({ edit: 1, at: null })}>${texts.user.form.continue}<//>
        </div>`;
}

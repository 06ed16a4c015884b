import { html } from "../vendor/htm-preact.js";
import { Tabs, useTab } from "../components/tabs.js";
import { texts } from "../texts.js";
import { Groups } from "./groups.js";
import { History } from "./history.js";
import { Profile } from "./profile.js";

/** @type {Record<string, { id: string, label: string }>} */
const TABS = {
    profile: { id: "profile", label: texts.user.profile },
    groups: { id: "groups", label: texts.user.groups.title },
    history: { id: "history", label: texts.user.history.title },
};

/**
 * The tabs of a user. One that does not exist has no groups.
 * @param {{ user: any, id: string, deleted?: boolean, only?: string, changed?: (user: any) => void }} props
 */
export function Content({ user, id, deleted = false, only, changed }) {
    const tabs = Object.values(TABS).filter((tab) => (only ? tab.id === only : tab.id !== "groups" || !deleted));
    const selected = useTab(tabs);
    return html`
        ${tabs.length > 1 && html`<${Tabs} label=${texts.user.tabs} tabs=${tabs} />`}
        ${selected === "profile" && html`<${Profile} user=${user} />`}
        ${selected === "groups" && html`<${Groups} user=${user} />`}
        ${selected === "history" && html`<${History} id=${id} user=${deleted ? null : user} erased=${only === "history"} changed=${changed} />`}`;
}

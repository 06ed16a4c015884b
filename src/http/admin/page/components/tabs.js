import { html } from "../vendor/htm-preact.js";
import { hrefWith, useLocation } from "../router.js";
import { reveal } from "./page.js";

/**
 * The tabs of a view, which are links, because the selected tab is in the URL (`?tab=`). The first one is the default.
 * @param {{ label: string, tabs: { id: string, label: string }[] }} props
 */
export function Tabs({ label, tabs }) {
    const selected = useTab(tabs);
    return html`
        <nav class="tabs" aria-label=${label} tabindex="-1">
            ${tabs.map(({ id, label: text }, i) => html`
                <a key=${id} href=${hrefWith({ tab: i ? id : null })} aria-current=${id === selected ? "page" : undefined}>${text}</a>`)}
        </nav>`;
}

/** Shows the tab that a link above the tabs selects. */
export const revealTabs = () => reveal(document.querySelector(".tabs"));

/** The id of the selected tab. @param {{ id: string }[]} tabs */
export function useTab(tabs) {
    const wanted = useLocation().query.get("tab");
    return tabs.some(({ id }) => id === wanted) ? wanted : tabs[0].id;
}

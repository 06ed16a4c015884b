import { html, useState } from "../vendor/htm-preact.js";
import { setQuery } from "../router.js";
import { texts } from "../texts.js";
import { Button } from "./button.js";

/**
 * The filters of a log, whose values are parameters of the URL. Narrow screens show them on request.
 * @param {{ names: string[], values: Record<string, string>, children?: unknown }} props
 */
export function Filters({ names, values, children }) {
    const [open, setOpen] = useState(false);
    const used = names.filter((name) => values[name]).length;
    const clear = () => setQuery(Object.fromEntries([...names, "open"].map((name) => [name, null])));
    return html`
        <${Button} class="button filters-toggle" icon="filter" aria-expanded=${open} onClick=${() => setOpen(!open)}>${texts.filters.toggle(used)}<//>
        <div class=${open ? "filters" : "filters closed"} role="group" aria-label=${texts.filters.title}>
            ${children}
            <${Button} kind="quiet" disabled=${!used} onClick=${clear}>${texts.filters.clear}<//>
        </div>`;
}

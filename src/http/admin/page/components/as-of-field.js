import { html, useState } from "../vendor/htm-preact.js";
import { setQuery, useLocation } from "../router.js";
import { texts } from "../texts.js";
import { Button } from "./button.js";
import { TimeField } from "./time-field.js";

/**
 * Chooses a time at which to show a user or group, which is then in the URL (`?at=`, which can also be a revision).
 * @param {{ label?: string }} props
 */
export function AsOfField({ label = texts.asOf.user }) {
    const at = useLocation().query.get("at") ?? "";
    const [time, setTime] = useState(at.includes("-") ? at : "");
    const show = (/** @type {Event} */ event) => {
        event.preventDefault();
        if (time) setQuery({ at: time, edit: null });
    };
    return html`
        <form class="as-of" onSubmit=${show}>
            <${TimeField} label=${label} value=${time} onInput=${setTime} />
            <${Button} type="submit" disabled=${!time}>${texts.asOf.show}<//>
            ${at && html`<${Button} onClick=${() => setQuery({ at: null })}>${texts.asOf.back}<//>`}
        </form>`;
}

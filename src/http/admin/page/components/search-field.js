import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { Icon } from "./icon.js";

/** Results must appear within 200 ms, of which a scan of 100,000 users needs 100. */
const PAUSE_MS = 50;

/**
 * A field that searches while the user types. `value` is the current search, usually from the URL. `/` focuses it.
 * @param {{ label: string, value: string, onSearch: (text: string) => void } & Record<string, unknown>} props
 */
export function SearchField({ label, value, onSearch, ...attributes }) {
    const [text, setText] = useState(value);
    const sent = useRef(value);
    useEffect(() => {
        if (value === sent.current) return; // The text is newer.
        sent.current = value;
        setText(value);
    }, [value]);
    useEffect(() => {
        if (text === sent.current) return;
        const timer = setTimeout(() => {
            sent.current = text;
            onSearch(text);
        }, PAUSE_MS);
        return () => clearTimeout(timer);
    }, [text]);
    const press = (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && text && (event.preventDefault(), setText(""));
    return html`
        <div class="search">
            <${Icon} name="search" />
            <input type="search" data-search aria-label=${label} placeholder=${label} value=${text} autocomplete="off" spellcheck=${false}
                onInput=${(/** @type {any} */ event) => setText(event.target.value)} onKeyDown=${press} ...${attributes} />
        </div>`;
}

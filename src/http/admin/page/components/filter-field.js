import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";
import { completions, errorPosition, isComplete, kindOf, meant, nameIn, next, quote } from "../filter-language.js";
import { useDebounced, useResource } from "../hooks.js";
import { texts } from "../texts.js";
import { Button } from "./button.js";
import { useId } from "./form.js";

/** @typedef {import("../filter-language.js").Next} Next */
/** @typedef {import("../filter-language.js").Attributes} Attributes */

const PAUSE_MS = 400;
const MOST_SHOWN = 12;

/**
 * A field for a filter, which completes attributes, operators and values, and marks an error at its position. The filter
 * is applied with Enter, and after a pause if it looks complete.
 * @param {{ path: string, attributes: Attributes, value: string, onApply: (filter: string) => void,
 *     error: import("../api.js").Problem | null, examples: [label: string, filter: string][] }} props
 */
export function FilterField({ path, attributes, value, onApply, error, examples }) {
    const field = useFilterText(value, onApply);
    const invalid = error?.code === "invalid-filter" && field.text.trim() === value ? error : null;
    const completion = useCompletion(path, attributes, field.text, invalid ? -1 : field.caret);
    const accept = (/** @type {string} */ word) => field.accept(completion.state, word);
    const id = useId();
    const wrong = invalid && wordAt(field.text, errorPosition(invalid.detail, field.text));
    const better = wrong && meant(wrong, attributes);
    return html`
        <div class="filter">
            <div class="filter-box">
                <${Mark} text=${field.text} error=${invalid} input=${field.input} />
                <input ref=${field.input} class="mono" data-search role="combobox"
                    aria-label=${texts.filter.label} placeholder=${texts.filter.placeholder}
                    aria-autocomplete="list" aria-expanded=${completion.options.length > 0} aria-controls=${`${id}-options`}
                    aria-activedescendant=${completion.active >= 0 ? `${id}-${completion.active}` : undefined}
                    aria-invalid=${invalid ? "true" : undefined} aria-describedby=${`${id}-hint`}
                    autocomplete="off" autocapitalize="off" spellcheck=${false} value=${field.text}
                    onInput=${field.update} onClick=${field.update} onKeyUp=${field.moved} onBlur=${completion.close}
                    onKeyDown=${(/** @type {KeyboardEvent} */ event) => press(event, field, completion)} />
                <${Options} id=${id} completion=${completion} accept=${accept} />
            </div>
            <p id=${`${id}-hint`} class=${invalid ? "hint error" : "hint"} role="status">${invalid ? invalid.detail : texts.filter.hint}</p>
            <div class="actions">
                ${better && html`<${Button} onClick=${() => field.correct(field.text.replace(wrong, better))}>${texts.filter.use(better)}<//>`}
                ${!field.text && examples.map(([label, filter]) => html`<${Button} key=${label} onClick=${() => field.replace(filter)}>${label}<//>`)}
            </div>
        </div>`;
}

/** The text and the caret. @param {string} value @param {(filter: string) => void} onApply */
function useFilterText(value, onApply) {
    const input = useRef(/** @type {HTMLInputElement | null} */ (null));
    const [{ text, caret }, set] = useState({ text: value, caret: -1 });
    const settled = useDebounced(text, PAUSE_MS);
    useEffect(() => set((before) => (before.text.trim() === value ? before : { text: value, caret: -1 })), [value]);
    useEffect(() => {
        if (settled === text && settled.trim() !== value && isComplete(settled)) onApply(settled.trim());
    }, [settled]);
    const update = () => input.current && set({ text: input.current.value, caret: input.current.selectionStart ?? 0 });
    // At once, because the next key can be faster than the next rendering.
    const put = (/** @type {string} */ changed, /** @type {number} */ position) => {
        set({ text: changed, caret: position });
        if (!input.current) return;
        input.current.value = changed;
        input.current.setSelectionRange(position, position);
    };
    return {
        input, text, caret, update,
        moved: (/** @type {KeyboardEvent} */ { key }) => ["ArrowLeft", "ArrowRight", "Home", "End"].includes(key) && update(),
        apply: () => onApply(text.trim()),
        clear: () => set({ text: "", caret: 0 }),
        correct(/** @type {string} */ changed) {
            onApply(changed);
            input.current?.focus();
        },
        replace(/** @type {string} */ changed) {
            put(changed, changed.length);
            input.current?.focus();
        },
        accept(/** @type {Next} */ { from, to }, /** @type {string} */ word) {
            put(`${text.slice(0, from)}${word} ${text.slice(to).trimStart()}`, from + word.length + 1);
        },
    };
}

/** What can come next. @param {string} path @param {Attributes} attributes @param {string} text @param {number} caret */
function useCompletion(path, attributes, text, caret) {
    const [closed, setClosed] = useState(true);
    const [selected, setSelected] = useState(/** @type {number | null} */ (null));
    const state = next(text, Math.max(caret, 0));
    const known = useKnownValues(path, attributes, state, closed);
    const options = closed ? [] : completions(state, attributes, known).slice(0, MOST_SHOWN);
    useEffect(() => {
        setSelected(null);
        setClosed(caret < 0 || !text);
    }, [text, caret]);
    // Enter must be able to apply the filter, so an option is selected by itself only while a word is unfinished.
    const active = selected ?? (state.word && options.length ? 0 : -1);
    const move = (/** @type {number} */ step) => options.length && setSelected((active + step + options.length) % options.length);
    return { state, options, active, move, close: () => setClosed(true), open: () => setClosed(false) };
}

/**
 * Values that occur in the data, read while one is expected.
 * @param {string} path @param {Attributes} attributes @param {Next} state @param {boolean} closed @returns {string[]}
 */
function useKnownValues(path, attributes, { expected, attribute, word }, closed) {
    const wanted = !closed && expected === "value" && nameIn(attributes, attribute) && ["string", "exact", "list"].includes(kindOf(attributes, attribute));
    const typed = useDebounced(word.replace(/^"|"$/g, ""), 100);
    const name = kindOf(attributes, attribute) === "list" ? `${attribute}.value` : attribute;
    const filter = typed ? `${name} sw ${quote(typed)}` : `${name} pr`;
    const { data } = useResource(wanted ? path : null, { filter, attributes: name, limit: 100 });
    if (!wanted || !data) return [];
    const found = data.items.flatMap((/** @type {any} */ item) => valuesAt(item, name.split(".")));
    return [...new Set(found)].sort();
}

/** @param {any} value @param {string[]} names @returns {string[]} */
function valuesAt(value, [name, ...rest]) {
    if (Array.isArray(value)) return value.flatMap((element) => valuesAt(element, [name, ...rest]));
    if (name === undefined) return typeof value === "string" ? [value] : [];
    const key = Object.keys(value ?? {}).find((candidate) => candidate.toLowerCase() === name.toLowerCase());
    return key ? valuesAt(value[key], rest) : [];
}

/**
 * The keys of the field, each with an action that returns whether it has used the key.
 * @param {KeyboardEvent} event @param {ReturnType<typeof useFilterText>} field @param {ReturnType<typeof useCompletion>} completion
 */
function press(event, field, { state, options, active, move, close, open }) {
    const word = options[active];
    const accept = () => (field.accept(state, word), true);
    const apply = () => (close(), field.apply(), true);
    /** @type {Record<string, () => boolean>} */
    const actions = {
        ArrowDown: () => (options.length ? move(1) : open(), true),
        ArrowUp: () => (move(-1), true),
        Enter: () => (word ? accept() : apply()),
        Tab: () => word !== undefined && state.word !== "" && !event.shiftKey && accept(),
        Escape: () => (options.length ? close() : field.clear(), true),
    };
    if (actions[event.key]?.()) event.preventDefault();
}

/** @param {{ id: string, completion: ReturnType<typeof useCompletion>, accept: (word: string) => void }} props */
function Options({ id, completion, accept }) {
    const choose = (/** @type {Event} */ event, /** @type {string} */ word) => {
        event.preventDefault(); // The field keeps the focus.
        accept(word);
    };
    return html`
        <ul id=${`${id}-options`} role="listbox" aria-label=${texts.filter.suggestions} class="options"
            hidden=${!completion.options.length}>
            ${completion.options.map((word, i) => html`
                <li key=${word} id=${`${id}-${i}`} role="option" aria-selected=${i === completion.active}
                    onMouseDown=${(/** @type {Event} */ event) => choose(event, word)}>
                    <code>${word}</code><span class="muted">${texts.filter.meanings[word]}</span>
                </li>`)}
        </ul>`;
}

/** @param {string} text @param {number | null} position */
const wordAt = (text, position) => (position === null ? "" : /^\S*/.exec(text.slice(position))?.[0]) ?? "";

/**
 * Lies over the field with the same text, transparent, and underlines the word at the position of the error.
 * @param {{ text: string, error: import("../api.js").Problem | null, input: { current: HTMLInputElement | null } }} props
 */
function Mark({ text, error, input }) {
    const element = useRef(/** @type {HTMLElement | null} */ (null));
    useEffect(() => {
        const field = input.current;
        const follow = () => element.current && field && (element.current.scrollLeft = field.scrollLeft);
        follow();
        field?.addEventListener("scroll", follow);
        return () => field?.removeEventListener("scroll", follow);
    }, [error]);
    const position = error && errorPosition(error.detail, text);
    if (position === null) return null;
    const wrong = wordAt(text, position) || " ";
    const [before, after] = [text.slice(0, position), text.slice(position + wrong.length)];
    return html`<div ref=${element} class="filter-mark mono" aria-hidden="true">${before}<mark>${wrong}</mark>${after} </div>`;
}

import { html, useMemo } from "../vendor/htm-preact.js";

let lastId = 0;

/** An id for an element, stable for the lifetime of the component. */
export const useId = () => useMemo(() => `f${(lastId += 1)}`, []);

/**
 * A labelled field. `onInput` receives the value. `error` is the text of a problem with this field.
 * @param {{ label: string, value: string, onInput: (value: string) => void, hint?: unknown, error?: unknown,
 *     multiline?: boolean } & Record<string, unknown>} props
 */
export function Field({ label, value, onInput, hint, error, multiline = false, ...attributes }) {
    const id = useId();
    const input = (/** @type {any} */ event) => onInput(event.target.value);
    return html`
        <div class="field">
            <label for=${id}>${label}</label>
            <${multiline ? "textarea" : "input"} id=${id} value=${value} onInput=${input} aria-invalid=${error ? "true" : undefined}
                aria-describedby=${hint || error ? `${id}-hint` : undefined} ...${attributes} />
            <${Hint} id=${`${id}-hint`} hint=${hint} error=${error} />
        </div>`;
}

/**
 * A labelled choice of one of a few options.
 * @param {{ label: string, value: string, onInput: (value: string) => void, options: { value: string, label: string }[],
 *     hint?: unknown, error?: unknown } & Record<string, unknown>} props
 */
export function Select({ label, value, onInput, options, hint, error, ...attributes }) {
    const id = useId();
    const input = (/** @type {any} */ event) => onInput(event.target.value);
    return html`
        <div class="field">
            <label for=${id}>${label}</label>
            <select id=${id} value=${value} onChange=${input} aria-describedby=${hint || error ? `${id}-hint` : undefined} ...${attributes}>
                ${options.map((option) => html`
                    <option key=${option.value} value=${option.value} selected=${option.value === value}>${option.label}</option>`)}
            </select>
            <${Hint} id=${`${id}-hint`} hint=${hint} error=${error} />
        </div>`;
}

/** @param {{ label: string, checked: boolean, onInput: (checked: boolean) => void, hint?: unknown } & Record<string, unknown>} props */
export function Checkbox({ label, checked, onInput, hint, ...attributes }) {
    const id = useId();
    const input = (/** @type {any} */ event) => onInput(event.target.checked);
    return html`
        <div class="checkbox">
            <input type="checkbox" id=${id} checked=${checked} onChange=${input}
                aria-describedby=${hint ? `${id}-hint` : undefined} ...${attributes} />
            <div><label for=${id}>${label}</label><${Hint} id=${`${id}-hint`} hint=${hint} /></div>
        </div>`;
}

/** @param {{ id: string, hint?: unknown, error?: unknown }} props */
function Hint({ id, hint, error }) {
    if (!hint && !error) return null;
    return html`<p id=${id} class=${error ? "hint error" : "hint"}>${error ?? hint}</p>`;
}

/** A form that never navigates. @param {{ onSubmit: () => unknown, children?: unknown } & Record<string, unknown>} props */
export function Form({ onSubmit, children, ...attributes }) {
    const submit = (/** @type {Event} */ event) => {
        event.preventDefault();
        onSubmit();
    };
    return html`<form class="stack" onSubmit=${submit} ...${attributes}>${children}</form>`;
}

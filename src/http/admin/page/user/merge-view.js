import { html, useMemo, useState } from "../vendor/htm-preact.js";
import { differences, isEqual, labelOf, valueAt } from "../attributes.js";
import { Badge } from "../components/badge.js";
import { Button } from "../components/button.js";
import { AttributeValue, Label } from "../components/diff.js";
import { ErrorNotice } from "../components/error-notice.js";
import { Form } from "../components/form.js";
import { Section } from "../components/page.js";
import { Actor } from "../components/reference.js";
import { Time } from "../components/time.js";
import { useResource } from "../hooks.js";
import { texts } from "../texts.js";
import { withDifference } from "./patch.js";

const { attribute, sides, result: resultLabel } = texts.user.merge;
const COLUMNS = [attribute, sides.theirs, sides.mine, resultLabel];

/**
 * Compares what someone else has saved in the meantime with the changes in the form, attribute by attribute.
 * @param {{ base: any, theirs: any, mine: any, busy: boolean, error: import("../api.js").Problem | null,
 *     onSave: (result: any) => void, onBack: (result: any) => void }} props
 */
export function MergeView({ base, theirs, mine, busy, error, onSave, onBack }) {
    const rows = useMemo(() => rowsOf(base, theirs, mine), [base, theirs, mine]);
    const [choices, setChoices] = useState(() => Object.fromEntries(rows.map(({ path, choice }) => [path, choice])));
    const open = rows.filter(({ path }) => !choices[path]).length;
    const result = merged(theirs, rows, choices);
    const choose = (/** @type {string} */ path, /** @type {Choice} */ choice) => setChoices({ ...choices, [path]: choice });
    return html`
        <${Section} title=${texts.user.merge.title}>
            <${Form} onSubmit=${() => open || onSave(result)}>
                <p><${Saved} user=${theirs} /> ${texts.user.merge.lead}</p>
                <div class="table-scroll" tabindex="0" role="region" aria-label=${texts.user.merge.title}>
                    <table class="merge">
                        <thead><tr>${COLUMNS.map((column) => html`<th key=${column} scope="col">${column}</th>`)}</tr></thead>
                        <tbody>
                            ${rows.map((row) => html`
                                <${MergeRow} key=${row.path} row=${row} choice=${choices[row.path]} choose=${choose} />`)}
                        </tbody>
                    </table>
                </div>
                <${ErrorNotice} error=${error} />
                <div class="actions">
                    <${Button} kind="primary" type="submit" busy=${busy} disabled=${open > 0}>${texts.user.merge.save(theirs.version + 1)}<//>
                    <${Button} onClick=${() => onBack(result)}>${texts.user.merge.back}<//>
                    <p class="muted" role="status">${open > 0 && texts.user.merge.open(open)}</p>
                </div>
            <//>
        <//>`;
}

/** Who saved the newer version. @param {{ user: any }} props */
function Saved({ user }) {
    const { data } = useResource(`/users/${user.id}/changes`, { limit: 20 });
    const change = data?.items.find((/** @type {any} */ { id, version }) => id === user.id && version === user.version);
    if (!change) return texts.user.merge.saved(user.version);
    return html`<${Actor} actor=${change.actor} /> ${texts.user.merge.savedBy(user.version)} (<${Time} value=${change.time} form="precise" />).`;
}

/** @param {{ row: Row, choice: Choice | null, choose: (path: string, choice: Choice) => void }} props */
function MergeRow({ row, choice, choose }) {
    const { path } = row;
    return html`
        <tr class=${choice ? "" : "conflict"}>
            <th scope="row"><${Label} path=${path} />${!row.choice && html` <${Badge} kind="warning">${texts.user.merge.conflict}<//>`}</th>
            ${["theirs", "mine"].map((side) => html`
                <td key=${side} data-label=${sides[side]}>
                    <label class="choice">
                        <input type="radio" name=${path} checked=${choice === side} onChange=${() => choose(path, /** @type {Choice} */ (side))} />
                        <span class="visually-hidden">${texts.user.merge.take[side](labelOf(path))}</span>
                        <span><${AttributeValue} path=${path} value=${row[/** @type {Choice} */ (side)]} /></span>
                    </label>
                </td>`)}
            <td data-label=${resultLabel}>
                ${choice
                    ? html`<${AttributeValue} path=${path} value=${row[choice]} />`
                    : html`<span class="muted">${texts.user.merge.choose}</span>`}
            </td>
        </tr>`;
}

/** @typedef {"theirs" | "mine"} Choice */
/** @typedef {{ path: string, base: any, theirs: any, mine: any, choice: Choice | null }} Row `choice` is null if both changed the attribute. */

/**
 * The attributes in which the two differ. An attribute that only one of them changed gets the value of that one.
 * @param {any} base @param {any} theirs @param {any} mine @returns {Row[]}
 */
export function rowsOf(base, theirs, mine) {
    return differences(theirs, mine).map(({ path, before, after }) => {
        const old = comparable(base, path);
        const choice = isEqual(old, before) ? "mine" : isEqual(old, after) ? "theirs" : null;
        return { path, base: old, theirs: before, mine: after, choice };
    });
}

/** The value in the form that `differences` uses. @param {any} user @param {string} path */
function comparable(user, path) {
    const value = valueAt(user, path);
    return path === "enterprise.manager" ? value?.value : empty(value) ? undefined : value;
}

/** @param {any} value */
const empty = (value) => value === null || value === "" || (typeof value === "object" && !Object.keys(value).length);

/** Their state with the values that were chosen. @param {any} theirs @param {Row[]} rows @param {Record<string, Choice | null>} choices */
export function merged(theirs, rows, choices) {
    const chosen = rows.filter(({ path }) => choices[path] === "mine");
    return chosen.reduce((result, { path, mine }) => withDifference(result, path, mine), theirs);
}

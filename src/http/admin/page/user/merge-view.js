import { html, useMemo, useState } from "../vendor/htm-preact.js";
import { labelOf } from "../attributes.js";
import { Actor } from "../components/actor.js";
import { AttributeValue } from "../components/attribute-value.js";
import { Badge } from "../components/badge.js";
import { Button } from "../components/button.js";
import { Label } from "../components/diff.js";
import { ErrorNotice } from "../components/error-notice.js";
import { Form } from "../components/form.js";
import { Section } from "../components/page.js";
import { Time } from "../components/time.js";
import { useResource } from "../hooks.js";
import { texts } from "../texts.js";
import { merged, rowsOf } from "./merge.js";

/** @typedef {import("./merge.js").Row} Row */
/** @typedef {import("./merge.js").Choice} Choice */

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

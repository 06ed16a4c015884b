import { html } from "../vendor/htm-preact.js";
import { byLabel, flatten, valueAt } from "../attributes.js";
import { AttributeValue } from "../components/attribute-value.js";
import { CopyValue } from "../components/copy.js";
import { Label } from "../components/diff.js";
import { Section } from "../components/page.js";
import { Time } from "../components/time.js";
import { texts } from "../texts.js";

/** The attributes of a group that have a value. externalIds have the names of their connections. @param {{ group: any }} props */
export function Details({ group }) {
    const paths = [...flatten(group).keys()].sort(byLabel);
    return html`
        <div class="columns">
            <${Section} title=${texts.group.attributes}>
                <dl class="facts">${paths.map((path) => html`<${Fact} key=${path} group=${group} path=${path} />`)}</dl>
            <//>
            <${Record} group=${group} />
        </div>`;
}

/** @param {{ group: any, path: string }} props */
function Fact({ group, path }) {
    const value = valueAt(group, path);
    const content = path.startsWith("externalIds.") ? html`<${CopyValue} value=${value} />` : html`<${AttributeValue} path=${path} value=${value} />`;
    return html`<dt>${labelOf(group, path)}</dt><dd>${content}</dd>`;
}

/** Readers may not read connections, but the group has their names. @param {any} group @param {string} path */
function labelOf({ externalIdSources }, path) {
    const source = externalIdSources?.[path.replace("externalIds.", "")];
    return source ? texts.group.externalIdOf(source) : html`<${Label} path=${path} />`;
}

/** @param {{ group: any }} props */
function Record({ group: { id, version, createdAt, updatedAt } }) {
    return html`
        <${Section} title=${texts.group.record}>
            <dl class="facts">
                <dt>${texts.groups.id}</dt><dd><${CopyValue} value=${id} /></dd>
                ${version && html`<dt>${texts.group.version}</dt><dd>${texts.common.integer(version)}</dd>`}
                ${createdAt && html`<dt>${texts.groups.created}</dt><dd><${Time} value=${createdAt} /></dd>`}
                ${updatedAt && html`<dt>${texts.groups.updated}</dt><dd><${Time} value=${updatedAt} /></dd>`}
            </dl>
        <//>`;
}

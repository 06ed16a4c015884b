import { html } from "../vendor/htm-preact.js";
import { byLabel, flatten, valueAt } from "../attributes.js";
import { CopyValue } from "../components/copy.js";
import { AttributeValue, Label } from "../components/diff.js";
import { Section } from "../components/page.js";
import { Reference } from "../components/reference.js";
import { Time } from "../components/time.js";
import { texts } from "../texts.js";
import { SECTIONS } from "./sections.js";

/** All attributes that have a value, in sections. Sections without any are left out. @param {{ user: any }} props */
export function Profile({ user }) {
    const paths = [...flatten(user).keys()];
    const sections = SECTIONS.map(({ title, includes }) => ({ title, shown: paths.filter(includes).sort(byLabel) }));
    return html`
        <div class="columns">
            ${sections.filter(({ shown }) => shown.length).map(({ title, shown }) => html`
                <${Section} key=${title} title=${title}>
                    <dl class="facts">${shown.map((path) => html`<${Fact} key=${path} resource=${user} path=${path} />`)}</dl>
                <//>`)}
            <${Record} resource=${user} />
        </div>`;
}

/** An attribute with its value. Readers may not read connections, but the resource has their names. @param {{ resource: any, path: string }} props */
export function Fact({ resource, path }) {
    const source = resource.externalIdSources?.[path.replace("externalIds.", "")];
    const label = source ? texts.user.externalIdOf(source) : html`<${Label} path=${path} />`;
    return html`<dt>${label}</dt><dd><${Value} path=${path} value=${valueAt(resource, path)} /></dd>`;
}

/** @param {{ path: string, value: any }} props */
function Value({ path, value }) {
    if (path === "enterprise.manager") return html`<${Reference} type="user" id=${value.value} name=${value.displayName} />`;
    if (path.startsWith("externalIds.")) return html`<${CopyValue} value=${value} />`;
    return html`<${AttributeValue} path=${path} value=${value} />`;
}

/** What the server knows about the resource itself. @param {{ resource: any }} props */
export function Record({ resource: { id, version, createdAt, updatedAt } }) {
    return html`
        <${Section} title=${texts.user.record}>
            <dl class="facts">
                <dt>${texts.users.id}</dt><dd><${CopyValue} value=${id} /></dd>
                ${version && html`<dt>${texts.user.version}</dt><dd>${texts.common.integer(version)}</dd>`}
                ${createdAt && html`<dt>${texts.users.created}</dt><dd><${Time} value=${createdAt} /></dd>`}
                ${updatedAt && html`<dt>${texts.users.updated}</dt><dd><${Time} value=${updatedAt} /></dd>`}
            </dl>
        <//>`;
}

import { html } from "../vendor/htm-preact.js";
import { byLabel, flatten } from "../attributes.js";
import { Section } from "../components/page.js";
import { texts } from "../texts.js";
import { Fact, Record } from "../user/profile.js";

/** The attributes of a group that have a value. externalIds have the names of their connections. @param {{ group: any }} props */
export function Details({ group }) {
    const paths = [...flatten(group).keys()].sort(byLabel);
    return html`
        <div class="columns">
            <${Section} title=${texts.group.attributes}>
                <dl class="facts">${paths.map((path) => html`<${Fact} key=${path} resource=${group} path=${path} />`)}</dl>
            <//>
            <${Record} resource=${group} />
        </div>`;
}

/** The filter language of the API (docs/filters.md): quoting, and what can come next while someone writes a filter. */

/** @typedef {"string" | "exact" | "boolean" | "time" | "number" | "list"} Kind */
/** @typedef {Record<string, Kind>} Attributes The kinds of attributes by name. */
/** @typedef {"attribute" | "operator" | "value" | "connective"} Expected */

/** @type {Attributes} */
const USER_LISTS = Object.fromEntries(
    ["emails", "phoneNumbers", "ims", "photos", "entitlements", "roles"].flatMap((list) => [
        [list, "list"],
        [`${list}.value`, list === "photos" ? "exact" : "string"],
        [`${list}.type`, "string"],
        [`${list}.display`, "string"],
        [`${list}.primary`, "boolean"],
    ]),
);

/** @param {string[]} names @returns {Attributes} */
const strings = (...names) => Object.fromEntries(names.map((name) => [name, "string"]));

/** @type {Attributes} */
export const USER_ATTRIBUTES = {
    ...strings("userName", "displayName", "name.givenName", "name.familyName", "name.middleName", "name.formatted"),
    ...USER_LISTS,
    active: "boolean",
    externalId: "exact",
    id: "exact",
    ...strings("title", "userType", "nickName", "preferredLanguage", "locale", "timezone"),
    ...strings("enterprise.employeeNumber", "enterprise.costCenter", "enterprise.organization", "enterprise.division"),
    ...strings("enterprise.department", "name.honorificPrefix", "name.honorificSuffix"),
    "enterprise.manager": "exact",
    profileUrl: "exact",
    "groups.value": "exact",
    addresses: "list",
    ...strings("addresses.country", "addresses.locality", "addresses.region", "addresses.postalCode", "addresses.streetAddress"),
    ...strings("addresses.formatted", "addresses.type"),
    "addresses.primary": "boolean",
    createdAt: "time",
    updatedAt: "time",
    version: "number",
};

/** @type {Attributes} */
export const GROUP_ATTRIBUTES = {
    displayName: "string",
    externalId: "exact",
    id: "exact",
    "members.value": "exact",
    memberCount: "number",
    version: "number",
    createdAt: "time",
    updatedAt: "time",
};

const ORDERING = ["gt", "ge", "lt", "le"];
const TEXT = ["eq", "sw", "co", "ew", "ne", "pr", ...ORDERING];

/** @type {Record<Kind, string[]>} */
const OPERATORS = {
    string: TEXT,
    exact: TEXT,
    boolean: ["eq", "ne", "pr"],
    time: [...ORDERING, "eq", "ne"],
    number: ["eq", "ne", ...ORDERING],
    list: TEXT,
};

/**
 * A value as a filter writes it: a JSON string. Filters cannot contain U+0000, which no attribute contains either.
 * @param {string} value
 */
export const quote = (value) => JSON.stringify(value.replaceAll("\0", ""));

/** Strings, which can lack their end; brackets; words. */
const TOKEN = /"(?:[^"\\]|\\.)*"?|[()[\]]|[^\s()[\]"]+/gs;

/**
 * What a filter can continue with.
 * @typedef {object} Next
 * @property {Expected} expected
 * @property {string} word The beginning of the word at the caret, which `from` and `to` delimit.
 * @property {number} from
 * @property {number} to
 * @property {string} attribute The attribute of the current comparison.
 * @property {string} list The list in whose brackets the caret is, or "".
 * @property {number} depth The number of open brackets.
 */

/**
 * Reads a filter up to the caret. The server alone judges whether the filter is valid.
 * @param {string} text @param {number} caret @returns {Next}
 */
export function next(text, caret) {
    /** @type {Next} */
    const state = { expected: "attribute", word: "", from: caret, to: caret, attribute: "", list: "", depth: 0 };
    for (const { 0: token, index } of text.matchAll(TOKEN)) {
        const end = index + token.length;
        if (index >= caret) break;
        const open = end >= caret && !isFinished(token);
        if (open) return { ...state, word: text.slice(index, caret), from: index, to: end };
        advance(state, token);
    }
    return state;
}

/** A closed string or a bracket at the caret is not continued. @param {string} token */
const isFinished = (token) => /^([()[\]]|"(?:[^"\\]|\\.)*")$/s.test(token);

/** @param {Next} state @param {string} token */
function advance(state, token) {
    if (token === "(" || token === "[") return open(state, token);
    if (token === ")" || token === "]") return close(state, token);
    if (state.expected === "attribute" && token.toLowerCase() === "not") return;
    if (state.expected === "attribute") state.attribute = state.list ? `${state.list}.${token}` : token;
    state.expected = following(state.expected, token);
}

/** @param {Next} state @param {string} bracket */
function open(state, bracket) {
    if (bracket === "[") state.list = state.attribute;
    state.depth += 1;
    state.expected = "attribute";
}

/** @param {Next} state @param {string} bracket */
function close(state, bracket) {
    if (bracket === "]") state.list = "";
    state.depth -= 1;
    state.expected = "connective";
}

/** @param {Expected} expected @param {string} token @returns {Expected} */
function following(expected, token) {
    if (expected === "attribute") return "operator";
    if (expected === "operator") return token.toLowerCase() === "pr" ? "connective" : "value";
    return expected === "value" ? "connective" : "attribute";
}

/** Whether the filter looks complete, so that it is worth trying. @param {string} text */
export function isComplete(text) {
    const { expected, depth } = next(`${text} `, text.length + 1);
    return text.trim() === "" || (expected === "connective" && depth === 0);
}

/**
 * The words that can continue a filter. Values are those of `known`, which the caller reads from the API.
 * @param {Next} state @param {Attributes} attributes @param {string[]} known @returns {string[]}
 */
export function completions({ expected, word, attribute, list, depth }, attributes, known) {
    const kind = kindOf(attributes, attribute);
    const candidates = {
        attribute: () => names(attributes, list),
        operator: () => OPERATORS[kind],
        value: () => values(kind, known),
        connective: () => ["and", "or", ...(depth > 0 ? [list ? "]" : ")"] : [])],
    }[expected]();
    const lower = word.toLowerCase();
    const found = candidates.filter((candidate) => candidate.toLowerCase().includes(lower));
    const starting = found.filter((candidate) => candidate.toLowerCase().startsWith(lower));
    return [...new Set([...starting, ...found])].filter((candidate) => candidate.toLowerCase() !== lower);
}

/** An attribute as it is written in the list, if it is there. @param {Attributes} attributes @param {string} name */
export const nameIn = (attributes, name) => Object.keys(attributes).find((attribute) => attribute.toLowerCase() === name.toLowerCase());

/** @param {Attributes} attributes @param {string} name @returns {Kind} */
export const kindOf = (attributes, name) => attributes[nameIn(attributes, name) ?? ""] ?? "string";

/** What somebody has probably meant by a wrong word. @param {string} word @param {Attributes} attributes */
export function meant(word, attributes) {
    if (word === "=") return "eq";
    return Object.keys(attributes).find((name) => name.toLowerCase().endsWith(`.${word.toLowerCase()}`));
}

/** @param {Attributes} attributes @param {string} list */
function names(attributes, list) {
    const all = Object.keys(attributes);
    if (!list) return [...all, "not"];
    const prefix = `${list.toLowerCase()}.`;
    return all.filter((name) => name.toLowerCase().startsWith(prefix)).map((name) => name.slice(prefix.length));
}

/** @param {Kind} kind @param {string[]} known */
function values(kind, known) {
    if (kind === "boolean") return ["true", "false"];
    if (kind === "number") return [];
    if (kind === "time") return [1, 7, 30].map(daysAgo);
    return known.map(quote);
}

/** @param {number} days */
function daysAgo(days) {
    const date = new Date(Date.now() - days * 86_400_000);
    date.setUTCMinutes(0, 0, 0);
    return quote(date.toISOString().replace(".000Z", "Z"));
}

/**
 * The position that the detail of an `invalid-filter` problem names, in UTF-16 units from 0, or null.
 * @param {string} detail @param {string} text
 */
export function errorPosition(detail, text) {
    const found = /at position (\d+)/.exec(detail);
    if (!found) return null;
    return [...text].slice(0, Number(found[1]) - 1).join("").length;
}

/** The cells of a CSV file and the attributes that its columns stand for. */
import { USER_ATTRIBUTES } from "../filter-language.js";

/** @typedef {{ name: string, attribute: string }} Column The attribute is "" as long as it is unknown. */

/** The attribute of a column that is not imported. */
export const IGNORED = "-";

const CUSTOM = "custom.";

/** Attributes of lists and references that filters write in another way, and those that cannot be imported. */
const MORE = ["enterprise.manager.value", "groups", "x509Certificates.value", "x509Certificates.type", "x509Certificates.display"];
const OTHERS = ["enterprise.manager", "groups.value"];

/** The attributes that a column can contain. */
export const ATTRIBUTES = [
    ...Object.keys(USER_ATTRIBUTES).filter((name) => ["string", "exact", "boolean"].includes(USER_ATTRIBUTES[name]) && !OTHERS.includes(name)),
    ...MORE,
];

/** Other names that columns often have, without spaces and punctuation. @type {Record<string, string[]>} */
const SYNONYMS = {
    userName: ["login", "user", "account", "accountname", "samaccountname", "userprincipalname", "upn"],
    displayName: ["name", "fullname"],
    "name.givenName": ["firstname", "forename"],
    "name.familyName": ["lastname", "surname"],
    "emails.value": ["mail", "email", "emailaddress", "workemail", "primaryemail"],
    "phoneNumbers.value": ["phone", "telephone", "phonenumber", "mobile"],
    title: ["jobtitle", "position"],
    active: ["enabled", "isactive"],
    groups: ["group", "teams", "memberof"],
    "enterprise.employeeNumber": ["employeeid", "employee", "staffid", "personnelnumber"],
    "enterprise.department": ["dept"],
    "enterprise.costCenter": ["costcentre"],
    "enterprise.organization": ["organisation", "company"],
    "enterprise.manager.value": ["manager", "managerid"],
};

/** @param {string} name */
const simplified = (name) => name.toLowerCase().replace(/[^a-z0-9]/g, "");

/** The attribute that a column probably stands for, or "". @param {string} name */
function guess(name) {
    const known = ATTRIBUTES.find((attribute) => attribute.toLowerCase() === name.toLowerCase());
    if (known || name.startsWith(CUSTOM)) return known ?? name;
    const plain = simplified(name);
    const similar = ATTRIBUTES.filter((attribute) => simplified(attribute.split(".").pop() ?? "") === plain);
    const synonym = Object.keys(SYNONYMS).find((attribute) => SYNONYMS[attribute].includes(plain));
    return synonym ?? (similar.length === 1 ? similar[0] : "");
}

/** The columns of a header, each with its probable attribute. @param {string} header @returns {Column[]} */
export const columnsOf = (header) => cellsOf(header).map((cell) => ({ name: cell.trim(), attribute: guess(cell.trim()) }));

/** The mapping that the API needs for columns with other names than their attributes. @param {Column[]} columns */
export function mappingOf(columns) {
    const renamed = columns.filter(({ name, attribute }) => attribute !== name && attribute !== IGNORED);
    const ignore = columns.filter(({ attribute }) => attribute === IGNORED).map(({ name }) => name);
    if (!renamed.length && !ignore.length) return null;
    return JSON.stringify({ columns: Object.fromEntries(renamed.map(({ name, attribute }) => [name, attribute])), ignore });
}

/** Whether another column has the same attribute. @param {Column} column @param {Column[]} columns */
export const isDuplicate = ({ attribute }, columns) =>
    attribute !== "" && attribute !== IGNORED && columns.filter((other) => other.attribute === attribute).length > 1;

/** The separator of a header that has only one column with commas, but more with another separator. @param {string} header */
export const otherSeparator = (header) => (cellsOf(header).length > 1 ? null : [";", "\t"].find((separator) => header.includes(separator)) ?? null);

/** The cells of a record. @param {string} record @returns {string[]} */
export function cellsOf(record) {
    const cells = [...record.replace(/\r?\n$/, "").matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"([^,]*)|([^,]*))/g)];
    return cells.map(([, quoted, rest, plain]) => (quoted === undefined ? plain : quoted.replaceAll('""', '"') + rest));
}

/** The values of a record by attribute. @param {Column[]} columns @param {string[]} cells @returns {Record<string, string>} */
export function valuesOf(columns, cells) {
    const entries = columns.map(({ attribute }, i) => [attribute, cells[i] ?? ""]);
    return Object.fromEntries(entries.filter(([attribute, cell]) => cell && attribute !== IGNORED));
}

/** The index of the column that the pointer of an error such as `/emails/0/value` concerns, or -1. @param {Column[]} columns @param {string} pointer */
export function columnAt(columns, pointer) {
    const path = pointer.slice(1).split("/").filter((part) => !/^\d+$/.test(part)).join(".").toLowerCase();
    if (!path) return -1;
    const exact = columns.findIndex(({ attribute }) => attribute.toLowerCase() === path);
    return exact >= 0 ? exact : columns.findIndex(({ attribute }) => attribute.toLowerCase().startsWith(`${path}.`));
}

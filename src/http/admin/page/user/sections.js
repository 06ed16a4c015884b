/** The attributes of a user, in the sections in which they are shown and edited. */
import { texts } from "../texts.js";

/** @typedef {{ title: string, includes: (path: string) => boolean }} Section */

const MEMBERS_OF_EXTERNAL_IDS = /^externalIds\./;
const JSON_OBJECTS = /^(custom|extensions)\./;

const NAME = [
    "displayName", "name.givenName", "name.middleName", "name.familyName", "name.honorificPrefix", "name.honorificSuffix", "name.formatted",
    "nickName",
];
const CONTACT = ["emails", "phoneNumbers", "ims", "addresses", "profileUrl", "photos"];
const ORGANIZATION = [
    "title", "userType", "enterprise.employeeNumber", "enterprise.department", "enterprise.division", "enterprise.organization",
    "enterprise.costCenter", "enterprise.manager", "roles", "entitlements",
];
const REGION = ["preferredLanguage", "locale", "timezone"];

/** @param {string[]} paths */
const oneOf = (paths) => (/** @type {string} */ path) => paths.includes(path);

/** @type {Section[]} */
export const SECTIONS = [
    { title: texts.user.account, includes: (path) => ["userName", "active", "x509Certificates"].includes(path) || MEMBERS_OF_EXTERNAL_IDS.test(path) },
    { title: texts.user.name, includes: oneOf(NAME) },
    { title: texts.user.contact, includes: oneOf(CONTACT) },
    { title: texts.user.organization, includes: oneOf(ORGANIZATION) },
    { title: texts.user.region, includes: oneOf(REGION) },
    { title: texts.user.other, includes: (path) => JSON_OBJECTS.test(path) },
];

/** What the form has a text field for. The other attributes are edited as JSON. */
export const FIELDS = [
    { title: texts.user.account, paths: ["userName", "externalIds.native"] },
    { title: texts.user.name, paths: NAME },
    { title: texts.user.organization, paths: ORGANIZATION.slice(0, 7) },
    { title: texts.user.region, paths: [...REGION, "profileUrl"] },
];

export const LISTS = ["emails", "phoneNumbers"];
export const JSON_ATTRIBUTES = ["addresses", "ims", "photos", "roles", "entitlements", "x509Certificates", "custom", "extensions"];

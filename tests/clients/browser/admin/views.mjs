// The views of the page, by the names of their screenshots: the fragments of their URLs, or functions that return them.
import { api } from "./api.mjs";
import { groupNamed, samples, userNamed } from "./samples.mjs";

const user = async (query = "") => `#/users/${(await userNamed("ada.lovelace")).id}${query}`;
const group = async (query = "") => `#/groups/${(await groupNamed("Engineering")).id}${query}`;
const connection = (name, query = "") => async () => `#/connections/${(await samples())[name]}${query}`;

/** The connection's newest request that failed, expanded. */
async function failedRequest() {
    const { okta } = await samples();
    const { items } = await api("GET", `/connections/${okta}/requests?status=4xx&limit=1`);
    return `#/connections/${okta}?open=${items[0].id}`;
}

/** The removals of the held connection. */
async function revert() {
    const { entra } = await samples();
    const { items } = await api("GET", `/connections/${entra}/requests?status=2xx`);
    const revisions = items.filter(({ method }) => method === "PATCH").flatMap((request) => request.revisions);
    return `#/revert?actor=connection:${entra}&by=revision&after=${Math.min(...revisions) - 1}&until=${Math.max(...revisions)}&plan=1`;
}

/** A user as it was created. */
async function asOf() {
    const { id } = await userNamed("ada.lovelace");
    const { items } = await api("GET", `/users/${id}/changes?limit=500`);
    return `#/users/${id}?at=${items.at(-1).revision}`;
}

export const VIEWS = {
    overview: "#/",
    users: "#/users",
    "users-search": "#/users?search=hopper",
    "users-filter": `#/users?mode=filter&filter=${encodeURIComponent('enterprise.department eq "Legal" and active eq false')}`,
    user,
    "user-groups": () => user("?tab=groups"),
    "user-history": () => user("?tab=history"),
    "user-as-of": asOf,
    "user-edit": () => user("?edit=1"),
    "user-new": "#/users/new",
    groups: "#/groups",
    group,
    "group-add": () => group("?add=1"),
    "group-history": () => group("?tab=history"),
    connections: "#/connections",
    "connections-new": "#/connections?create=1",
    connection: connection("okta"),
    "connection-request": failedRequest,
    "connection-held": connection("entra"),
    "connection-removals": connection("entra", "?tab=removals"),
    "connection-tokens": connection("okta", "?tab=tokens"),
    "connection-settings": connection("okta", "?tab=settings"),
    changes: "#/changes",
    revert,
    keys: "#/keys",
    "keys-new": "#/keys?new=1",
    tenants: "#/tenants",
    import: "#/import",
    export: "#/export",
};

/** The fragment of a view. */
export const hashOf = async (name) => (typeof VIEWS[name] === "function" ? VIEWS[name]() : VIEWS[name]);

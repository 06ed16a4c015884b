// Connections, keys and tenants with a realistic state, for screenshots and for the tests of all views.
import { api, scim, waitFor } from "./api.mjs";

const filtered = (path, filter) => api("GET", `${path}?limit=1&filter=${encodeURIComponent(filter)}`).then(({ items }) => items[0]);
export const userNamed = (userName) => filtered("/users", `userName eq "${userName}"`);
export const groupNamed = (name) => filtered("/groups", `displayName eq "${name}"`);

/** The ids of the sample connections, which are created unless they exist. */
export async function samples() {
    const { items } = await api("GET", "/connections?limit=500");
    const existing = Object.fromEntries(items.map(({ name, id }) => [name, id]));
    if (!existing.Workday) return create();
    return { okta: existing.Okta, entra: existing["Entra ID"], workday: existing.Workday };
}

async function create() {
    const [okta, entra, workday] = [await createOkta(), await createEntra(), await createWorkday()];
    for (const [name, role] of [["HR sync", "writer"], ["Billing", "reader"], ["Intranet search", "reader"], ["Support console", "admin"]]) {
        await api("POST", "/keys", { name, role, expiresAt: "2027-06-30T00:00:00Z" });
    }
    const old = await api("POST", "/keys", { name: "Payroll export", role: "reader" });
    await api("DELETE", `/keys/${old.id}`);
    for (const name of ["acme", "globex", "initech-test"]) await api("POST", "/tenants", { name });
    await changeAda();
    return { okta, entra, workday };
}

async function connection(name, options) {
    const { id } = await api("POST", "/connections", { name, ...options });
    const { secret } = await api("POST", `/connections/${id}/tokens`, { name: "First token" });
    return { id, secret };
}

const resource = (userName, name, more = {}) => ({
    schemas: ["urn:ietf:params:scim:schemas:core:2.0:User"],
    userName,
    name: { givenName: name.split(" ")[0], familyName: name.split(" ")[1] },
    displayName: name,
    emails: [{ value: `${userName}@example.com`, type: "work", primary: true }],
    active: true,
    ...more,
});

/** Most requests succeed; one has an attribute that Roster does not have, one a userName that is taken, one a wrong filter. */
async function createOkta() {
    const { id, secret } = await connection("Okta");
    const lin = await scim(secret, "POST", "/Users", resource("lin.ashworth", "Lin Ashworth", { externalId: "00u7f3k2" }));
    await scim(secret, "POST", "/Users", resource("tomas.brandt", "Tomas Brandt", { externalId: "00u7f3k9", favouriteTea: "Assam" }));
    await scim(secret, "PATCH", `/Users/${lin.body.id}`, patch([{ op: "replace", path: "title", value: "Team Lead" }, { op: "replace", path: "active", value: "True" }]));
    await scim(secret, "GET", `/Users?filter=${encodeURIComponent('badgeNumber eq "4411"')}`);
    await scim(secret, "POST", "/Users", resource("grace.hopper", "Grace Hopper", { externalId: "00u7f4b1" }));
    await waitFor(async () => (await api("GET", `/connections/${id}/requests`)).items.length >= 5);
    return id;
}

/** Held by its brake, after a wrong scope has begun to remove users. */
async function createEntra() {
    const { id, secret } = await connection("Entra ID", { brake: { users: 3, percent: 0, hours: 24 } });
    const people = ["Nia Osei", "Jasper Holm", "Leila Amrani", "Ruben Voss", "Mei Sun"];
    const ids = [];
    for (const name of people) {
        const { body } = await scim(secret, "POST", "/Users", resource(name.toLowerCase().replace(" ", "."), name));
        ids.push(body.id);
    }
    for (const user of ids) await scim(secret, "PATCH", `/Users/${user}`, patch([{ op: "replace", path: "active", value: false }]));
    return id;
}

async function createWorkday() {
    const { id, secret } = await connection("Workday", { mode: "dry" });
    await scim(secret, "POST", "/Users", resource("ines.castellan", "Ines Castellan"));
    return id;
}

const patch = (operations) => ({ schemas: ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], Operations: operations });

/** A history for one user. */
async function changeAda() {
    const { id } = await userNamed("ada.lovelace");
    const hr = await api("POST", "/keys", { name: "HR portal", role: "writer" });
    const write = (body) => api("PATCH", `/users/${id}`, body, { as: hr.secret, type: "application/merge-patch+json" });
    await write({ title: "Principal Engineer", nickName: "Countess", preferredLanguage: "en-GB", timezone: "Europe/London" });
    await write({ phoneNumbers: [{ value: "+44 20 7946 0018", type: "work" }], custom: { badge: "A-1815" } });
    for (const name of ["Design", "Research"]) await api("PUT", `/groups/${(await groupNamed(name)).id}/members/${id}`, undefined, { as: hr.secret });
    await api("DELETE", `/groups/${(await groupNamed("Design")).id}/members/${id}`, undefined, { as: hr.secret });
    const manager = await userNamed("grace.hopper");
    await write({ enterprise: { manager: { value: manager.id }, costCenter: "4200" } });
}

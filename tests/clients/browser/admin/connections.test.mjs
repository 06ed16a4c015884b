import assert from "node:assert/strict";
import { api, scim, unique } from "./api.mjs";
import { settled } from "./page.mjs";
import { visit } from "./visit.mjs";

const CONNECTIONS = { hash: "#/connections" };
const go = (page, hash) => page.evaluate((value) => (location.hash = value), hash);
const person = (userName, more = {}) => ({ schemas: ["urn:ietf:params:scim:schemas:core:2.0:User"], userName, ...more });
const deactivation = { schemas: ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], Operations: [{ op: "replace", path: "active", value: false }] };

async function newConnection(options = {}) {
    const connection = await api("POST", "/connections", { name: unique("Provider"), ...options });
    const { secret } = await api("POST", `/connections/${connection.id}/tokens`, {});
    return { ...connection, secret };
}

/** Creates users as the connection. */
async function createAs(secret, count) {
    const created = [];
    for (let i = 0; i < count; i += 1) created.push((await scim(secret, "POST", "/Users", person(unique("synced")))).body);
    return created;
}

visit("creates a connection for Okta, whose requests work", CONNECTIONS, async (page) => {
    const name = unique("Okta");
    await page.getByRole("button", { name: "New connection" }).first().click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Identity provider").selectOption({ label: "Okta" });
    await dialog.getByLabel("Name", { exact: true }).fill(name);
    await dialog.getByRole("button", { name: "Create connection and token" }).click();
    await page.getByRole("heading", { name: `${name} is ready` }).waitFor();
    const copied = await page.getByRole("dialog").locator(".copy-value code").allInnerTexts();
    const [url, token] = [copied.find((text) => text.endsWith("/scim/v2")), copied.find((text) => !text.includes("/"))];
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.getByRole("button", { name: "Copy: Authorization" }).click();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), token);
    assert.ok(url);
    assert.equal((await scim(token, "GET", "/Users?count=1")).status, 200);

    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "I have copied the token" }).click();
    await page.getByRole("heading", { level: 1, name }).waitFor();
    await page.getByText("No requests yet.").or(page.getByText("/Users")).first().waitFor();
});

visit("shows a failed request as it arrives and explains it", CONNECTIONS, async (page) => {
    const { id, secret, name } = await newConnection();
    await go(page, `/connections/${id}`);
    await page.getByRole("heading", { level: 1, name }).waitFor();
    await page.getByText("No requests yet.").waitFor();
    // Into an empty list, requests come by themselves. Later, they wait for a click, so that nothing moves.
    await createAs(secret, 1);
    await page.locator(".log > li", { hasText: "POST" }).waitFor();
    const { userName } = await api("POST", "/users", { userName: unique("taken") });
    assert.equal((await scim(secret, "POST", "/Users", person(userName))).status, 409);
    await page.getByRole("button", { name: "1 new request" }).click();
    const entry = page.locator(".log > li", { hasText: "Value is taken" });
    await entry.getByRole("button").first().click();
    await page.getByRole("heading", { name: "Why it was rejected" }).waitFor();
    await entry.getByText("What to change:").waitFor();
    await entry.getByRole("link", { name: userName }).waitFor();
    await entry.getByText(/Match the existing resource/).waitFor();
    await page.getByLabel("Status", { exact: true }).selectOption({ label: "Successful (2xx)" });
    await page.locator(".log > li", { hasText: "201" }).waitFor();
    assert.equal(await entry.count(), 0);
    await page.goBack();
    await entry.waitFor();
});

visit("explains why a connection is held, and releases it", CONNECTIONS, async (page) => {
    const { id, secret, name } = await newConnection({ brake: { users: 1, percent: 0, hours: 24 } });
    const users = await createAs(secret, 3);
    const statuses = [];
    for (const user of users) statuses.push((await scim(secret, "PATCH", `/Users/${user.id}`, deactivation)).status);
    assert.deepEqual(statuses, [200, 429, 429]);

    await go(page, `/connections/${id}`);
    const notice = page.getByRole("region", { name: "This connection is held by its brake" });
    await notice.waitFor();
    await page.getByRole("link", { name: "What was refused" }).click();
    const refused = page.locator(".log > li", { hasText: "429" });
    await refused.first().waitFor();
    assert.ok((await refused.first().boundingBox()).y < 800, "the refused requests are in the window");
    await page.getByRole("link", { name: "What was removed" }).click();
    await page.getByRole("heading", { name: "Deactivated and deleted within 24 hours" }).waitFor();
    await page.getByText(users[0].userName).first().waitFor();
    await notice.getByRole("button", { name: "Release…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Number of deactivations and deletions").fill("1");
    await dialog.getByRole("button", { name: "Release", exact: true }).click();
    await page.getByText(`${name} was released.`).waitFor();
    await notice.waitFor({ state: "detached" });
    assert.equal((await api("GET", `/connections/${id}`)).held, null);
    assert.equal((await scim(secret, "PATCH", `/Users/${users[1].id}`, deactivation)).status, 200);
});

visit("reverts what a connection did", CONNECTIONS, async (page) => {
    const { id, secret } = await newConnection({ brake: null });
    const user = await api("POST", "/users", { userName: unique("victim"), active: true });
    const { head } = await api("GET", "/changes?limit=1");
    await scim(secret, "PATCH", `/Users/${user.id}`, deactivation);
    const created = await createAs(secret, 1);
    await go(page, `/revert?actor=connection:${id}&by=revision&after=${head}&plan=1`);
    await page.getByText("Reactivate: 1").waitFor();
    await page.getByText("Delete: 1").waitFor();
    assert.equal((await api("GET", `/users/${user.id}`)).active, false);
    const apply = page.getByRole("button", { name: /2/ });
    await apply.click();
    await page.getByRole("dialog").getByRole("button", { name: /2/ }).click();
    await page.getByText("Reverted. 2 items were changed.").waitFor();
    await page.getByText("Reactivated: 1").waitFor();
    assert.equal((await api("GET", `/users/${user.id}`)).active, true);
    await assert.rejects(() => api("GET", `/users/${created[0].id}`), /404/);
});

visit("leads from a held connection through a revert and back", CONNECTIONS, async (page) => {
    const { id, secret, name } = await newConnection({ brake: { users: 1, percent: 0, hours: 24 } });
    const users = await createAs(secret, 2);
    for (const user of users) await scim(secret, "PATCH", `/Users/${user.id}`, deactivation);
    await go(page, `/connections/${id}`);
    await page.getByRole("link", { name: "What was removed" }).click();
    await page.getByRole("link", { name: "Revert these…" }).click();
    await page.getByText(/This connection is held by its brake/).waitFor();
    await page.getByText("Reactivate: 1").waitFor();
    await page.getByRole("button", { name: "Revert 1 item" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Revert 1 item" }).click();
    await page.locator("#plan").getByRole("link", { name: `Back to ${name}` }).click();
    const row = page.getByRole("row", { name: users[0].userName });
    await row.getByText("Deactivated").waitFor();
    await row.getByText("Reverted").waitFor();
    await page.getByText(/All of this has been undone/).waitFor();
    assert.equal(await page.getByRole("link", { name: "Revert these…" }).count(), 0);
});

visit("says what a revert needs", { hash: "#/revert" }, async (page) => {
    assert.ok(await page.getByRole("button", { name: "Show the preview" }).isDisabled());
    await page.getByText("Choose who made the changes, and where the range begins.").waitFor();
});

// The user of the request does not exist.
visit("plans the requests of a dry connection", { ...CONNECTIONS, expect: [404] }, async (page) => {
    const { id, secret } = await newConnection({ mode: "dry" });
    const userName = unique("dry");
    await scim(secret, "POST", "/Users", person(userName));
    await go(page, `/connections/${id}`);
    const entry = page.locator(".log > li", { hasText: "POST" });
    await entry.getByRole("button").first().click();
    await page.getByRole("heading", { name: "What it would have changed" }).waitFor();
    const { total } = await api("GET", `/users?include=total&limit=1&filter=${encodeURIComponent(`userName eq "${userName}"`)}`);
    assert.equal(total, 0);
});

visit("rotates the tokens of a connection", CONNECTIONS, async (page) => {
    const { id, secret } = await newConnection();
    await go(page, `/connections/${id}?tab=tokens`);
    await settled(page);
    await page.getByRole("button", { name: /^Revoke/ }).or(page.getByRole("row").getByText("Revoke")).first().click();
    await page.getByRole("dialog").getByRole("button", { name: /^Revoke/ }).click();
    await page.getByText("The token was revoked.").waitFor();
    assert.equal((await scim(secret, "GET", "/Users?count=1")).status, 401);
});

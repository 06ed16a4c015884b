import assert from "node:assert/strict";
import { api, scim, unique } from "./api.mjs";
import { assertAccessible, settled, signIn } from "./page.mjs";
import { visit } from "./visit.mjs";

const HERE = { signedIn: false };

/** A user, with its id and version. */
const newUser = (more = {}) => api("POST", "/users", { userName: unique("person"), displayName: "Nadia Byrne", title: "Analyst", ...more });
const stored = ({ id }) => api("GET", `/users/${id}`);

async function show(page, { id }, query = "", as) {
    await page.evaluate((hash) => (location.hash = hash), `/users/${id}${query}`);
    await signIn(page, as && { as });
    await page.getByRole("heading", { level: 1 }).getByText(/\S/).waitFor();
    await settled(page);
}

async function edit(page, fields) {
    await page.getByRole("link", { name: "Edit", exact: true }).click();
    await fill(page, fields);
}

async function fill(page, fields) {
    for (const [label, value] of Object.entries(fields)) await page.getByLabel(label, { exact: true }).fill(value);
}

const save = (page) => page.getByRole("button", { name: "Save", exact: true }).click();
const toast = (page, text) => page.locator(".toast", { hasText: text });

visit("edits a user and undoes it", HERE, async (page) => {
    const user = await newUser();
    await show(page, user);
    await edit(page, { Title: "Counsel", Nickname: "Nad" });
    await save(page);
    await toast(page, "was saved").waitFor();
    assert.deepEqual([(await stored(user)).title, (await stored(user)).nickName], ["Counsel", "Nad"]);
    await toast(page, "was saved").getByRole("button", { name: "Undo" }).click();
    await page.waitForFunction(() => document.querySelector("main")?.textContent.includes("Analyst"));
    assert.deepEqual([(await stored(user)).title, (await stored(user)).nickName], ["Analyst", null]);
});

visit("marks the field that is wrong", { ...HERE, expect: [409, 422] }, async (page) => {
    const [user, other] = [await newUser(), await newUser()];
    await show(page, user);
    await edit(page, { userName: other.userName });
    await save(page);
    await page.getByRole("alert").first().waitFor();
    assert.equal(await page.getByLabel("userName", { exact: true }).inputValue(), other.userName);
    await page.getByText("This userName belongs to Nadia Byrne.").getByRole("link").waitFor();
    await assertAccessible(page);
    assert.equal((await stored(user)).userName, user.userName);
});

visit("merges the changes of two windows", { ...HERE, expect: [412] }, async (page, { another }) => {
    const user = await newUser({ nickName: "Nad" });
    await show(page, user);
    const second = await another();
    await show(second, user);
    await edit(page, { Title: "Scientist", Nickname: "Nada" });
    await edit(second, { Title: "Director", Department: "Research" });
    await save(second);
    await toast(second, "was saved").waitFor();

    await save(page);
    await page.getByRole("heading", { name: "Merge the changes" }).waitFor();
    const submit = page.getByRole("button", { name: `Save as version ${user.version + 2}` });
    assert.ok(await submit.isDisabled(), "both have changed the title");
    const title = page.getByRole("row", { name: /^Title/ });
    await title.getByText("Both changed").waitFor();
    await assertAccessible(page);
    await title.getByRole("radio", { name: /Scientist/ }).check();
    await submit.click();
    await toast(page, "was saved").waitFor();
    const { title: stays, nickName, enterprise } = await stored(user);
    assert.deepEqual([stays, nickName, enterprise.department], ["Scientist", "Nada", "Research"]);
});

visit("keeps the input when the key is revoked", { ...HERE, expect: [401] }, async (page) => {
    const user = await newUser();
    const { id, secret } = await api("POST", "/keys", { role: "writer", name: unique("support") });
    await show(page, user, "", secret);
    await edit(page, { Title: "Director of Events" });
    await api("DELETE", `/keys/${id}`);
    await save(page);
    await page.getByRole("heading", { name: "Sign in again" }).waitFor();
    assert.equal(await page.getByLabel("Title", { exact: true }).inputValue(), "Director of Events");
    await signIn(page);
    await toast(page, "was saved").waitFor();
    assert.equal((await stored(user)).title, "Director of Events");
});

visit("keeps a draft while its user looks at something else", HERE, async (page) => {
    const user = await newUser();
    await show(page, user);
    await edit(page, { Title: "Planner" });
    await page.getByRole("link", { name: "Users", exact: true }).click();
    await page.getByRole("heading", { name: "Users" }).waitFor();
    await page.goBack();
    assert.equal(await page.getByLabel("Title", { exact: true }).inputValue(), "Planner");
});

visit("deactivates a user and undoes it", HERE, async (page) => {
    const user = await newUser();
    await show(page, user);
    await page.getByRole("button", { name: "Deactivate" }).click();
    await page.getByText("Deactivated by").waitFor();
    assert.equal((await stored(user)).active, false);
    await toast(page, "was deactivated").getByRole("button", { name: "Undo" }).click();
    await page.getByRole("button", { name: "Deactivate" }).waitFor();
    assert.equal((await stored(user)).active, true);
});

visit("deletes and restores a user with its groups", { ...HERE, expect: [404] }, async (page) => {
    const user = await newUser();
    const group = await api("POST", "/groups", { displayName: unique("Choir") });
    await api("PUT", `/groups/${group.id}/members/${user.id}`);
    await show(page, user);
    await page.locator("summary[aria-label='More actions']").click();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByText("Deleted by").waitFor();
    await assert.rejects(() => stored(user), /404/);
    await page.getByText(group.displayName).waitFor();

    await page.getByRole("button", { name: "Restore", exact: true }).click();
    await page.getByText("The user was restored with 1 group.").waitFor();
    assert.equal((await stored(user)).userName, user.userName);
    assert.equal((await api("GET", `/users/${user.id}/groups`)).items.length, 1);
});

visit("erases a user only after its name was typed", { ...HERE, expect: [404] }, async (page) => {
    const user = await newUser();
    await show(page, user);
    await page.locator("summary[aria-label='More actions']").click();
    await page.getByRole("button", { name: "Erase", exact: true }).click();
    const dialog = page.getByRole("dialog");
    const erase = dialog.getByRole("button", { name: "Erase", exact: true });
    await dialog.getByRole("textbox").fill("somebody else");
    assert.ok(await erase.isDisabled());
    await dialog.getByRole("textbox").fill(user.userName);
    await erase.click();
    await page.getByRole("heading", { name: "Erased user" }).waitFor();
    assert.ok(!(await page.locator("main").innerText()).includes(user.userName));
});

visit("shows why somebody lost access and gives it back", HERE, async (page) => {
    const user = await newUser();
    const group = await api("POST", "/groups", { displayName: unique("Payroll") });
    await api("PUT", `/groups/${group.id}/members/${user.id}`);
    const { head } = await api("GET", "/changes?limit=1");
    const { secret, name } = await api("POST", "/keys", { role: "writer", name: unique("HR portal") });
    await api("DELETE", `/groups/${group.id}/members/${user.id}`, undefined, { as: secret });
    await api("PATCH", `/users/${user.id}`, { active: false }, { as: secret, type: "application/merge-patch+json" });

    await show(page, user, "?tab=history");
    const removal = page.locator(".change", { hasText: "Removed from group" });
    await removal.getByText(group.displayName).first().waitFor();
    await removal.getByText(name).waitFor();
    await page.evaluate(([id, at]) => (location.hash = `/users/${id}?at=${at}`), [user.id, head]);
    await page.getByRole("heading", { name: "What has changed since" }).waitFor();
    await page.getByRole("button", { name: "Give the access back" }).click();
    await toast(page, "is active and in these groups again").waitFor();
    assert.equal((await stored(user)).active, true);
    assert.equal((await api("GET", `/users/${user.id}/groups`)).items.length, 1);
});

visit("shows a user at a time", HERE, async (page) => {
    const user = await newUser();
    await new Promise((resolve) => setTimeout(resolve, 2100));
    await api("PATCH", `/users/${user.id}`, { title: "Planner" }, { type: "application/merge-patch+json" });
    await show(page, user, "?tab=history");
    const then = new Date(new Date(user.createdAt).getTime() + 1000);
    const local = new Date(then.getTime() - then.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
    await page.getByLabel("Show the user as of").fill(local);
    await page.keyboard.press("Tab");
    await page.getByRole("button", { name: "Show", exact: true }).click();
    await page.getByRole("heading", { name: "What has changed since" }).waitFor();
    await page.locator("del", { hasText: "Analyst" }).waitFor();
    assert.equal(await page.getByRole("link", { name: "Edit", exact: true }).count(), 0, "the past cannot be edited");
    await page.getByRole("button", { name: "Restore “Analyst”" }).click();
    await toast(page, "The earlier value was restored.").waitFor();
    assert.equal((await stored(user)).title, "Analyst");
});

visit("creates a user", { hash: "#/users/new" }, async (page) => {
    const userName = unique("new");
    await fill(page, { userName, "Given name": "Mei", "Family name": "Sun" });
    await page.getByRole("button", { name: "Create user" }).click();
    await page.waitForFunction(() => /^#\/users\/[0-9a-f-]{36}/.test(location.hash));
    await page.getByRole("heading", { level: 1, name: "Mei Sun" }).waitFor();
    await page.getByText(userName).first().waitFor();
});

visit("never takes a double click for two actions", { ...HERE, expect: [404] }, async (page) => {
    const user = await newUser();
    await api("DELETE", `/users/${user.id}`);
    await show(page, user);
    const twice = async (name) => {
        const { x, y } = await page.getByRole("button", { name, exact: true }).boundingBox();
        for (const wait of [250, 400]) {
            await page.mouse.click(x + 20, y + 10);
            await page.waitForTimeout(wait);
        }
    };
    await twice("Restore");
    assert.equal((await stored(user)).active, true);
    await twice("Deactivate");
    assert.equal((await stored(user)).active, false);
});

visit("shows a toast for as long as it is true and somebody reads it", { ...HERE, expect: [404] }, async (page) => {
    const user = await newUser();
    await page.clock.install();
    await show(page, user);
    await page.locator("summary[aria-label='More actions']").click();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
    await toast(page, "was deleted").waitFor();
    await page.getByRole("button", { name: "Restore", exact: true }).click();
    await page.getByText("The user was restored").waitFor();
    await toast(page, "was deleted").waitFor({ state: "detached" });

    await page.getByRole("button", { name: "Deactivate" }).click();
    await toast(page, "was deactivated").hover();
    await page.clock.fastForward(60_000);
    await page.mouse.move(0, 0);
    await page.clock.fastForward(10_000);
    assert.ok(await toast(page, "was deactivated").isVisible());
    await page.clock.fastForward(6_000);
    await toast(page, "was deactivated").waitFor({ state: "detached" });
});

visit("says that an action can no longer be undone", { ...HERE, expect: [412] }, async (page) => {
    const user = await newUser();
    await show(page, user);
    await edit(page, { Title: "Counsel" });
    await save(page);
    await toast(page, "was saved").waitFor();
    await api("PATCH", `/users/${user.id}`, { title: "Director" }, { type: "application/merge-patch+json" });
    await page.getByRole("button", { name: "Undo" }).click();
    await toast(page, "This can no longer be undone, because something has changed since.").waitFor();
    await page.getByText("Director").waitFor();
    assert.equal((await stored(user)).title, "Director");
});

visit("says in the form that the user was deleted", { ...HERE, expect: [404] }, async (page) => {
    const user = await newUser();
    await show(page, user);
    await edit(page, { Department: "Research" });
    await api("DELETE", `/users/${user.id}`);
    await save(page);
    const notice = page.getByRole("alert");
    await notice.getByText("This user was deleted while you were editing.").waitFor();
    const { y, height } = await notice.boundingBox();
    assert.ok(y > 0 && y + height < page.viewportSize().height, "the notice is in the window");
    await notice.getByRole("button", { name: "Show the deleted user" }).click();
    await page.getByRole("button", { name: "Restore", exact: true }).click();
    await page.getByText("The user was restored").waitFor();
    assert.equal(await page.getByLabel("Department", { exact: true }).inputValue(), "Research");
});

visit("tells a reader which connection deactivated a user, and that it can happen again", HERE, async (page) => {
    const connection = await api("POST", "/connections", { name: unique("Okta") });
    const { secret: token } = await api("POST", `/connections/${connection.id}/tokens`, { name: "test" });
    const schemas = ["urn:ietf:params:scim:schemas:core:2.0:User"];
    const values = { schemas, userName: unique("zoe"), externalId: unique("00u") };
    const { body: user } = await scim(token, "POST", "/Users", { ...values, active: true });
    await scim(token, "PUT", `/Users/${user.id}`, { ...values, active: false });
    const { secret } = await api("POST", "/keys", { role: "reader", name: unique("helpdesk") });

    await show(page, user, "?tab=history", secret);
    const notice = page.locator(".notice", { hasText: `Deactivated by the connection ${connection.name} on` });
    await notice.getByText("Correct the cause at the identity provider too, or it may happen again.").waitFor();
    await page.locator(".change", { hasText: "Deactivated" }).getByText(`By the connection ${connection.name}`).waitFor();
    await assertAccessible(page);
});

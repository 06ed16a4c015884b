import assert from "node:assert/strict";
import { api, unique } from "./api.mjs";
import { settled } from "./page.mjs";
import { visit } from "./visit.mjs";

const membersOf = async (id) => (await api("GET", `/groups/${id}/members`)).items.length;
const idIn = (page) => page.evaluate(() => /^#\/groups\/([0-9a-f-]{36})/.exec(location.hash)?.[1]);
const go = (page, hash) => page.evaluate((value) => (location.hash = value), hash);

visit("creates a group, and adds and removes members", { hash: "#/groups" }, async (page) => {
    const displayName = unique("Reading Club");
    const people = [unique("hana"), unique("hana")];
    for (const userName of people) await api("POST", "/users", { userName });
    await page.getByRole("link", { name: "New group" }).click();
    await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill(displayName);
    await page.getByRole("button", { name: "Create group" }).click();
    await page.getByRole("heading", { level: 1, name: displayName }).waitFor();
    const id = await idIn(page);

    await page.getByRole("link", { name: "Add members" }).first().click();
    const dialog = page.getByRole("dialog");
    for (const userName of people) {
        await dialog.getByRole("searchbox").fill(userName);
        await dialog.getByRole("checkbox", { name: userName }).check();
    }
    await dialog.getByRole("button", { name: "Add 2 users" }).click();
    await page.getByRole("row", { name: people[1] }).waitFor();
    assert.equal(await membersOf(id), 2);

    await page.getByRole("button", { name: `Remove ${people[0]}` }).click();
    await page.getByText(`${people[0]} was removed from ${displayName}.`).waitFor();
    assert.equal(await membersOf(id), 1);
    await page.locator(".toast", { hasText: "was removed" }).getByRole("button", { name: "Undo" }).click();
    await page.getByRole("row", { name: people[0] }).waitFor();
    assert.equal(await membersOf(id), 2);
});

visit("shows the members of the past and adds them again", { hash: "#/groups" }, async (page) => {
    const group = await api("POST", "/groups", { displayName: unique("Pilot") });
    const user = await api("POST", "/users", { userName: unique("otto") });
    await api("PUT", `/groups/${group.id}/members/${user.id}`);
    const { head } = await api("GET", "/changes?limit=1");
    await api("DELETE", `/groups/${group.id}/members/${user.id}`);
    await go(page, `/groups/${group.id}?tab=history`);
    await page.getByText("Member removed").waitFor();
    await go(page, `/groups/${group.id}?at=${head}`);
    await page.getByText("1 user removed since").waitFor();
    await page.getByRole("button", { name: `Add ${user.userName} again` }).click();
    await page.getByText("Nothing: the members are the same as now.").waitFor();
    assert.equal(await membersOf(group.id), 1);
});

visit("pages through the members of a large group", { hash: "#/groups?search=Engineering" }, async (page) => {
    await page.getByRole("link", { name: "Engineering", exact: true }).click();
    await page.getByText(/Showing the first \d+ of/).waitFor();
    await settled(page);
    const rows = page.locator("main tbody tr");
    const before = await rows.count();
    await page.getByRole("button", { name: "Load more" }).click();
    await page.waitForFunction((count) => document.querySelectorAll("main tbody tr").length > count, before);
});

visit("deletes and restores a group", { hash: "#/groups", expect: [404] }, async (page) => {
    const group = await api("POST", "/groups", { displayName: unique("Sprint") });
    const user = await api("POST", "/users", { userName: unique("kira") });
    await api("PUT", `/groups/${group.id}/members/${user.id}`);
    await go(page, `/groups/${group.id}`);
    await page.getByRole("heading", { level: 1, name: group.displayName }).waitFor();
    await settled(page);
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByText("Deleted by").waitFor();
    await page.getByRole("button", { name: "Restore", exact: true }).click();
    await page.getByText("The group was restored with 1 member.").waitFor();
    assert.equal(await membersOf(group.id), 1);
});

import assert from "node:assert/strict";
import { api, unique } from "./api.mjs";
import { settled, signIn } from "./page.mjs";
import { visit } from "./visit.mjs";

visit("shows changes as they happen, with before and after", { hash: "#/changes" }, async (page) => {
    await settled(page);
    const user = await api("POST", "/users", { userName: unique("live"), title: "Editor" });
    await api("PATCH", `/users/${user.id}`, { title: "Recruiter" }, { type: "application/merge-patch+json" });
    await page.getByRole("button", { name: "2 new changes" }).click();
    const entry = page.locator(".log > li", { hasText: `Updated user ${user.userName}` });
    await entry.getByRole("button").first().click();
    await entry.locator("del", { hasText: "Editor" }).waitFor();
    await entry.locator("ins", { hasText: "Recruiter" }).waitFor();
    assert.match(await page.evaluate(() => location.hash), /open=\d+/);
});

visit("filters changes by user and type", { hash: "#/changes" }, async (page) => {
    const user = await api("POST", "/users", { userName: unique("filtered") });
    await api("DELETE", `/users/${user.id}`);
    await page.getByRole("searchbox").fill(user.id);
    await page.waitForFunction(() => document.querySelectorAll(".log > li").length === 2);
    await page.evaluate((id) => (location.hash = `/changes?resource=${id}&type=user.deleted`), user.id);
    await page.waitForFunction(() => document.querySelectorAll(".log > li").length === 1);
});

visit("finds the changes of a user by the name", { hash: "#/changes" }, async (page) => {
    const user = await api("POST", "/users", { userName: unique("chosen"), displayName: unique("Chosen") });
    await page.getByRole("searchbox").fill("nobody with this name");
    await page.getByText("Nothing was found.").waitFor();
    await page.getByRole("searchbox").fill(user.displayName);
    await page.getByRole("button", { name: user.displayName }).click();
    await page.waitForFunction(() => document.querySelectorAll(".log > li").length === 1);
    assert.ok(await page.getByRole("button", { name: user.displayName }).evaluate((button) => button === document.activeElement));
    await page.getByRole("button", { name: user.displayName }).click();
    await page.waitForFunction(() => document.querySelectorAll(".log > li").length > 1);
});

visit("says who was deactivated, reactivated and restored", { hash: "#/" }, async (page) => {
    const user = await api("POST", "/users", { userName: unique("moved"), active: true });
    const other = await api("POST", "/users", { userName: unique("other") });
    for (const body of [{ title: "Cook" }, { active: false }, { active: true }]) {
        await api("PATCH", `/users/${user.id}`, body, { type: "application/merge-patch+json" });
    }
    await api("DELETE", `/users/${user.id}`);
    await api("POST", `/users/${user.id}/restore`);
    await page.getByRole("link", { name: "Changes, last hour" }).click();
    assert.match(await page.evaluate(() => location.hash), /since=/);
    for (const title of ["Deactivated user", "Reactivated user", "Restored user"]) {
        await page.getByLabel("Type", { exact: true }).selectOption({ label: title });
        await page.locator(".log > li", { hasText: `${title} ${user.userName}` }).waitFor();
        assert.equal(await page.locator(".log > li", { hasText: other.userName }).count(), 0);
        assert.equal(await page.locator(".log > li", { hasText: "Updated user" }).count(), 0);
    }
});

visit("limits the changes to a period", { hash: "#/changes" }, async (page) => {
    await page.getByRole("button", { name: "Last hour" }).click();
    assert.notEqual(await page.getByLabel("From").inputValue(), "");
    const since = await page.evaluate(() => new URLSearchParams(location.hash.split("?")[1]).get("since"));
    assert.ok(Math.abs(Date.now() - Date.parse(since) - 3_600_000) < 60_000);
});

visit("shows the values of a revoked key as a reader writes them", { hash: "#/changes?type=key.deleted" }, async (page) => {
    const name = unique("old");
    const { id } = await api("POST", "/keys", { name, role: "reader", expiresAt: "2027-06-30T00:00:00Z" });
    await api("DELETE", `/keys/${id}`);
    await page.reload();
    await signIn(page);
    const entry = page.locator(".log > li", { hasText: `Revoked key ${name}` });
    await entry.getByRole("button").first().click();
    await entry.locator(".diff time").first().waitFor();
    const text = await entry.locator(".diff").innerText();
    assert.match(text, /Expires|Revoked/);
    assert.doesNotMatch(text, /\dT\d|expiresAt|revokedAt/);
});

import assert from "node:assert/strict";
import { api, unique } from "./api.mjs";
import { settled } from "./page.mjs";
import { visit } from "./visit.mjs";

visit("shows changes as they happen, with before and after", { hash: "#/changes" }, async (page) => {
    await settled(page);
    const user = await api("POST", "/users", { userName: unique("live"), title: "Editor" });
    await api("PATCH", `/users/${user.id}`, { title: "Recruiter" }, { type: "application/merge-patch+json" });
    await page.getByRole("button", { name: "2 new changes" }).click();
    const entry = page.locator(".log > li", { hasText: `User updated ${user.userName}` });
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

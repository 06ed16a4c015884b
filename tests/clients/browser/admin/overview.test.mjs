import assert from "node:assert/strict";
import { SIZE } from "./directory.mjs";
import { api, unique } from "./api.mjs";
import { settled, signIn } from "./page.mjs";
import { samples } from "./samples.mjs";
import { visit } from "./visit.mjs";

visit("shows the size of the directory and leads to its parts", {}, async (page) => {
    await settled(page);
    const users = page.locator(".figure", { hasText: "Users" });
    const count = Number((await users.locator("dd").innerText()).replaceAll(",", ""));
    assert.ok(count >= SIZE, `${count} users`);
    await users.click();
    await page.getByRole("heading", { name: "Users" }).waitFor();
    await page.goBack();
    await page.getByRole("heading", { name: "Overview" }).waitFor();
});

visit("shows the health of connections", { signedIn: false }, async (page) => {
    const name = unique("Okta");
    const { id } = await api("POST", "/connections", { name });
    await signIn(page);
    await page.getByRole("row", { name }).getByText("No requests yet").waitFor();
    await api("DELETE", `/connections/${id}`);
});

visit("shows held connections first, and opens one with a click in its row", { signedIn: false }, async (page) => {
    await samples();
    await signIn(page);
    const first = page.locator("main tbody tr").first();
    const hash = await first.getByRole("link").first().getAttribute("href");
    await first.getByText("Held by its brake").click();
    await page.waitForFunction((expected) => location.hash === expected, hash);
});

visit("says which role a view requires", { hash: "#/keys", signedIn: false }, async (page) => {
    const { id, secret } = await api("POST", "/keys", { role: "reader", name: unique("reader") });
    await signIn(page, { as: secret });
    await page.getByRole("heading", { name: "Not permitted" }).waitFor();
    assert.equal(await page.getByRole("navigation").getByRole("link", { name: "Keys" }).count(), 0);
    await api("DELETE", `/keys/${id}`);
});

import assert from "node:assert/strict";
import { api, unique } from "./api.mjs";
import { signIn } from "./page.mjs";
import { visit } from "./visit.mjs";

visit("creates a key, which works, and revokes it", { hash: "#/keys" }, async (page) => {
    const name = unique("Billing");
    await page.getByRole("link", { name: "New key" }).first().click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name", { exact: true }).fill(name);
    await dialog.getByLabel("Role", { exact: true }).selectOption("writer");
    await dialog.getByRole("button", { name: "Create key" }).click();
    await page.getByRole("heading", { name: "Copy the new key" }).waitFor();
    const secret = await page.getByRole("dialog").locator("code").innerText();
    await page.keyboard.press("Escape");
    assert.equal((await api("GET", "/me", undefined, { as: secret })).role, "writer");
    await page.getByRole("button", { name: "I have stored the key" }).click();
    assert.ok(!(await page.evaluate(() => document.documentElement.outerHTML)).includes(secret));

    await page.getByRole("button", { name: `Revoke ${name}` }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Revoke", exact: true }).click();
    await page.getByText(`“${name}” is revoked.`).waitFor();
    await assert.rejects(() => api("GET", "/me", undefined, { as: secret }), /401/);
    await page.getByRole("row", { name }).waitFor({ state: "detached" });
    await page.getByLabel("Show revoked keys").check();
    await page.getByRole("row", { name }).getByText("Revoked").waitFor();
});

visit("warns before the key in use is revoked, and then asks for another one", { hash: "#/keys", signedIn: false, expect: [401] }, async (page) => {
    const name = unique("Mine");
    const { secret } = await api("POST", "/keys", { name, role: "admin" });
    await signIn(page, { as: secret });
    await page.getByRole("row", { name }).getByText("This key").waitFor();
    await page.getByRole("button", { name: `Revoke ${name}` }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByText("You are signed in with this key").waitFor();
    await dialog.getByRole("button", { name: "Revoke", exact: true }).click();
    await page.getByRole("heading", { name: "Sign in again" }).waitFor();
    await signIn(page);
    await page.getByRole("heading", { name: "Sign in again" }).waitFor({ state: "detached" });
});

import assert from "node:assert/strict";
import { api, unique } from "./api.mjs";
import { visit } from "./visit.mjs";

visit("creates a tenant, works in it, and deletes it", { hash: "#/tenants" }, async (page) => {
    const name = unique("tenant").toLowerCase();
    await page.getByRole("link", { name: "New tenant" }).first().click();
    await page.getByRole("dialog").getByLabel("Name", { exact: true }).fill(name);
    await page.getByRole("button", { name: "Create tenant" }).click();
    await page.getByText(`The tenant ${name} is created.`).waitFor();
    await page.getByRole("link", { name: `Work in this tenant: ${name}` }).or(page.getByRole("button", { name: `Work in this tenant: ${name}` })).click();
    await page.waitForFunction((tenant) => location.hash.includes(`tenant=${tenant}`), name);
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Users" }).click();
    await page.getByText("There are no users yet.").waitFor();
    assert.ok((await page.evaluate(() => location.hash)).includes(`tenant=${name}`), "the tenant is in the URL");

    const inTenant = { headers: { "Roster-Tenant": name } };
    const { id } = await api("POST", "/users", { userName: "only.here" }, inTenant);
    await page.reload();
    await page.getByLabel("Key", { exact: true }).fill(process.env.KEY);
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "only.here" }).waitFor();
    await api("DELETE", `/users/${id}`, undefined, inTenant);

    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Tenants" }).click();
    await page.getByRole("button", { name: `Delete ${name}` }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("textbox").fill(name);
    await dialog.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByText(`The tenant ${name} is deleted.`).waitFor();
});

visit("says that a name is taken", { hash: "#/tenants?new=1", expect: [409, 422] }, async (page) => {
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name", { exact: true }).fill("default");
    await page.getByRole("button", { name: "Create tenant" }).click();
    await dialog.getByRole("alert").or(dialog.locator(".hint.error")).first().waitFor();
    assert.equal(await dialog.getByLabel("Name", { exact: true }).inputValue(), "default");
});

import assert from "node:assert/strict";
import { base, key } from "./api.mjs";
import { assertStrictPolicy } from "../policy.mjs";
import { signIn } from "./page.mjs";
import { visit } from "./visit.mjs";

const RELOADED = { hash: "#/users?search=hopper", signedIn: false };

visit("sends a strict policy", { signedIn: false }, async (page) => {
    const response = await page.goto(`${base}/admin`);
    const directives = assertStrictPolicy(response.headers()["content-security-policy"]);
    assert.deepEqual(directives.get("frame-ancestors"), ["'none'"]);
    assert.deepEqual(directives.get("require-trusted-types-for"), ["'script'"]);
    assert.ok(!directives.get("style-src").includes("'unsafe-inline'"));
});

visit("refuses a wrong key and accepts the right one", { ...RELOADED, expect: [401] }, async (page, { problems }) => {
    await signIn(page, { as: "a-wrong-key-of-32-characters-or-longer" });
    await page.getByRole("alert").waitFor();
    await page.getByRole("alert").getByText("This key is not valid").waitFor();
    await signIn(page);
    await page.getByRole("heading", { name: "Users" }).waitFor();
    await assertKeyIsHidden(page, problems, { kept: false });
    await page.reload();
    await page.getByRole("heading", { name: "Sign in to Roster" }).waitFor();
});

visit("keeps the key in the tab if asked to", RELOADED, async (page, { problems, context }) => {
    await signIn(page, { keep: true });
    await page.getByRole("heading", { name: "Users" }).waitFor();
    await assertKeyIsHidden(page, problems, { kept: true });
    await page.reload();
    await page.getByRole("heading", { name: "Users" }).waitFor();
    const other = await context.newPage();
    await other.goto(`${base}/admin`);
    await other.getByRole("heading", { name: "Sign in to Roster" }).waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in to Roster" }).waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
});

visit("can be used with the keyboard only", { signedIn: false }, async (page) => {
    await page.waitForFunction(() => document.activeElement?.matches("input[type=password]"));
    await page.keyboard.type(key);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    await page.getByRole("link", { name: "Skip to the content" }).focus();
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement?.id), "main");
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
});

async function assertKeyIsHidden(page, problems, { kept }) {
    const found = await page.evaluate((secret) => ({
        cookie: document.cookie,
        localStorage: localStorage.length,
        sessionStorage: JSON.stringify({ ...sessionStorage }).includes(secret),
        url: location.href.includes(secret),
        markup: document.documentElement.outerHTML.includes(secret),
        state: JSON.stringify(history.state)?.includes(secret) ?? false,
    }), key);
    assert.deepEqual(found, { cookie: "", localStorage: 0, sessionStorage: kept, url: false, markup: false, state: false });
    assert.ok(problems.urls.every((url) => !url.includes(key)));
    assert.deepEqual(await page.context().cookies(), []);
}

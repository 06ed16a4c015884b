// Tests /docs in a browser. Usage: URL=… KEY=… node docs.mjs. SCREENSHOT is the path of the screenshot.
import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { assertStrictPolicy } from "./policy.mjs";

const { URL: base, KEY, SCREENSHOT = join(tmpdir(), "roster-docs.png") } = process.env;

const headers = { Authorization: `Bearer ${KEY}`, "Content-Type": "application/json" };
const body = JSON.stringify({ userName: "ada", title: "Countess" });
const creation = await fetch(`${base}/users`, { method: "POST", headers, body });
assert.equal(creation.status, 201);
const ada = await creation.json();

// The sandbox of Debian's Chromium does not work for root.
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", chromiumSandbox: process.getuid() !== 0 });
try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    const problems = [];
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    page.on("pageerror", (error) => problems.push(error.stack));
    page.on("request", (request) => {
        const { origin, protocol } = new URL(request.url());
        if (origin !== base && protocol !== "data:") problems.push(`request to ${request.url()}`);
    });
    // Runs in the page, before the scripts of the page.
    await page.addInitScript(() =>
        addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
            console.error(`policy violation: ${violatedDirective} ${blockedURI}`),
        ),
    );

    const response = await page.goto(`${base}/docs`);
    assert.equal(response.status(), 200);
    assertStrictPolicy(response.headers()["content-security-policy"]);

    await page.locator(".auth-wrapper .btn.authorize").click();
    const dialog = page.locator(".modal-ux");
    await dialog.locator("input").fill(KEY);
    await dialog.locator(".btn.authorize").click();
    await dialog.locator(".btn-done").click();

    const list = page.locator(".opblock-get", { has: page.locator('.opblock-summary-path[data-path="/users"]') });
    await list.locator(".opblock-summary-control").click();
    await list.locator(".btn.execute").click();
    const live = list.locator(".live-responses-table");
    assert.equal(await live.locator(".response-col_status").last().innerText(), "200");
    const shown = await live.locator(".highlight-code code").first().innerText();
    assert.deepEqual(JSON.parse(shown).items, [ada]);

    await page.screenshot({ path: SCREENSHOT, fullPage: true });
    assert.deepEqual(problems, []);
} finally {
    await browser.close();
}

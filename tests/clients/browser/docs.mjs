// /docs as a person uses it: URL=… KEY=… node docs.mjs. SCREENSHOT is where its picture goes.
import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const { URL: base, KEY, SCREENSHOT = join(tmpdir(), "roster-docs.png") } = process.env;

const headers = { Authorization: `Bearer ${KEY}`, "Content-Type": "application/json" };
const body = JSON.stringify({ userName: "ada", title: "Countess" });
const creation = await fetch(`${base}/users`, { method: "POST", headers, body });
assert.equal(creation.status, 201);
const ada = await creation.json();

// Debian's; the sandbox of Chromium does not work for root.
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", chromiumSandbox: process.getuid() !== 0 });
try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    const complaints = [];
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.stack));
    page.on("request", (request) => {
        const { origin, protocol } = new URL(request.url());
        if (origin !== base && protocol !== "data:") complaints.push(`a request to ${request.url()}`);
    });
    // Runs in the page, before its own scripts.
    await page.addInitScript(() =>
        addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
            console.error(`against the policy: ${violatedDirective} ${blockedURI}`),
        ),
    );

    const answer = await page.goto(`${base}/docs`);
    assert.equal(answer.status(), 200);
    strict(answer.headers()["content-security-policy"]);

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
    assert.deepEqual(complaints, []);
} finally {
    await browser.close();
}

/** Whether the policy lets in nothing by default, and no script but files of this server. */
function strict(policy) {
    assert.ok(policy, "no Content-Security-Policy");
    const directives = new Map(policy.split(";").map((directive) => {
        const [name, ...sources] = directive.trim().split(/\s+/);
        return [name, sources];
    }));
    const byDefault = directives.get("default-src");
    assert.ok(["'none'", "'self'"].includes(byDefault?.join(" ")), policy);
    for (const name of ["script-src", "script-src-elem", "script-src-attr"]) {
        const sources = directives.get(name) ?? byDefault;
        assert.ok(!sources.includes("'unsafe-inline'") && !sources.includes("'unsafe-eval'"), policy);
    }
}

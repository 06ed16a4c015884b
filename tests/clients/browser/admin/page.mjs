// What tests and screenshots do with a page.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { key } from "./api.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

/** Signs in at the sign-in page or in the dialog. */
export async function signIn(page, { as = key, keep = false } = {}) {
    await page.getByLabel("Key", { exact: true }).fill(as);
    if (keep) await page.getByLabel("Keep me signed in until this tab is closed").check();
    await page.getByRole("button", { name: "Sign in" }).click();
}

/** Waits until nothing is loading. */
export async function settled(page) {
    await page.waitForFunction(() => document.querySelector("main h1, dialog[open]") && !document.querySelector("main .skeleton, [aria-busy=true]"));
    await page.waitForTimeout(50);
}

/** Asserts that axe finds nothing serious or critical, and that the page does not scroll sideways. */
export async function assertAccessible(page) {
    await settled(page);
    // Evaluated by the debugger, to which the policy does not apply.
    await page.evaluate(`${AXE};0`);
    const violations = await page.evaluate(async (tags) => {
        const results = await window.axe.run({ runOnly: { type: "tag", values: tags } });
        const summary = ({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map(({ target }) => target.join(" ")).slice(0, 5).join(" | ")}`;
        return results.violations.filter(({ impact }) => ["serious", "critical"].includes(impact)).map(summary);
    }, WCAG);
    assert.deepEqual(violations, [], await page.evaluate(() => location.hash));
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `the page is ${overflow} px wider than the screen`);
}

/** In light, in dark, and on the narrowest screen that WCAG requires. */
export async function assertAccessibleEverywhere(page) {
    const size = page.viewportSize();
    await assertAccessible(page);
    await page.emulateMedia({ colorScheme: "dark" });
    await assertAccessible(page);
    await page.setViewportSize({ width: 320, height: 640 });
    await assertAccessible(page);
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize(size);
}

// Opens the admin page for a test, and asserts that nothing went wrong that the test does not expect.
import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { base, key } from "./api.mjs";
import { signIn } from "./page.mjs";

/** Chromium logs these for responses with an error, which can be expected. */
const STATUS = /^Failed to load resource: the server responded with a status of (\d+)/;
const OFFLINE = /^Failed to load resource: net::ERR_INTERNET_DISCONNECTED/;

let browser;
// The sandbox of Debian's Chromium does not work for root.
before(async () => (browser = await chromium.launch({ executablePath: "/usr/bin/chromium", chromiumSandbox: process.getuid() !== 0 })));
after(() => browser.close());

/**
 * A test with a page. Options: `hash`, `scheme`, `width`, `height`, `signedIn` (false: at the sign-in page), `as` (the key),
 * `expect` (statuses of 4xx and 5xx that occur), `offline` (whether the network fails).
 */
export function visit(name, options, body) {
    test(name, async () => {
        const context = await browser.newContext({ colorScheme: options.scheme ?? "light", viewport: { width: options.width ?? 1280, height: options.height ?? 800 } });
        const page = await newPage(context, options);
        const problems = watch(context, options);
        problems.watch(page);
        try {
            await start(page, options);
            await body(page, { context, problems, another: (changes) => anotherPage(context, problems, { ...options, ...changes }) });
            assert.deepEqual(problems.list, []);
        } catch (error) {
            const screenshot = join(tmpdir(), `roster-admin-${name.replace(/\W+/g, "-")}.png`);
            await page.screenshot({ path: screenshot }).catch(() => {});
            console.error(`${name}: the screenshot of the failure is ${screenshot}`);
            if (problems.list.length) console.error(problems.list);
            throw error;
        } finally {
            await context.close();
        }
    });
}

async function newPage(context, { timeout = 20_000 }) {
    const page = await context.newPage();
    page.setDefaultTimeout(timeout);
    return page;
}

/** Another window. */
async function anotherPage(context, problems, options) {
    const page = await newPage(context, options);
    problems.watch(page);
    await start(page, options);
    return page;
}

async function start(page, { hash = "#/", signedIn = true, as = key }) {
    await page.goto(`${base}/admin${hash}`);
    if (signedIn) await signIn(page, { as });
}

/** Collects the console's errors, policy violations and requests to other origins. */
function watch(context, { expect = [], offline = false }) {
    const problems = { list: [], urls: [], watch: () => {} };
    const isExpected = (text) => expect.includes(Number(STATUS.exec(text)?.[1])) || (offline && OFFLINE.test(text));
    problems.watch = (page) => {
        page.on("console", (message) => message.type() === "error" && !isExpected(message.text()) && problems.list.push(message.text()));
        page.on("pageerror", (error) => problems.list.push(error.stack));
    };
    context.on("request", (request) => {
        const { origin, protocol } = new URL(request.url());
        problems.urls.push(request.url());
        if (origin !== new URL(base).origin && protocol !== "data:") problems.list.push(`request to ${request.url()}`);
    });
    // Runs in the page, before its scripts.
    context.addInitScript(() =>
        addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) =>
            console.error(`policy violation: ${violatedDirective} ${blockedURI}`),
        ),
    );
    return problems;
}

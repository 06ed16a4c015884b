import assert from "node:assert/strict";
import { SIZE, person } from "./directory.mjs";
import { api, unique } from "./api.mjs";
import { settled } from "./page.mjs";
import { visit } from "./visit.mjs";

const SEARCH_MS = Number(process.env.SEARCH_MS ?? 200);
const USERS = { hash: "#/users" };
const SEARCH = "Search by name, userName, e-mail, externalId or id";
const [SOMEBODY, ANOTHER] = [person(SIZE - 10), person(Math.floor(SIZE / 2))];

const searchField = (page) => page.getByRole("searchbox", { name: SEARCH });
const rows = (page) => page.locator("main tbody tr:not([aria-hidden])");

/** The milliseconds from the input event until a row with the text is in the document. */
function timeOfSearch(page, text, expected) {
    return page.evaluate(([value, wanted]) => new Promise((resolve, reject) => {
        const field = document.querySelector("input[data-search]");
        const start = performance.now();
        const isThere = () => [...document.querySelectorAll("main tbody tr")].some((row) => row.textContent.toLowerCase().includes(wanted));
        const observer = new MutationObserver(() => {
            if (!isThere()) return;
            observer.disconnect();
            resolve(performance.now() - start);
        });
        observer.observe(document.querySelector("main"), { subtree: true, childList: true, characterData: true });
        setTimeout(() => reject(new Error(`no row for ${value}`)), 10_000);
        Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, value);
        field.dispatchEvent(new InputEvent("input", { bubbles: true }));
    }), [text, expected.toLowerCase()]);
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

for (const [what, searches] of Object.entries({
    "half a name": [["terESHko", "Tereshkova"], ["mirzakh", "Mirzakhani"], ["grace hop", "Grace Hopper"], ["kovalev", "Kovalevskaya"], ["ivanov", "Ivanova"]],
    userName: [1, 2, 3, 4, 5].map((i) => person(i * 1000)).map(({ userName }) => [userName, userName]),
    "e-mail": [1, 2, 3, 4, 5].map((i) => person(i * 999)).map(({ email }) => [email.slice(0, -6), email]),
    externalId: [1, 2, 3, 4, 5].map((i) => person(i * 998)).map(({ externalId, userName }) => [externalId, userName]),
})) {
    visit(`finds users by ${what} at once`, USERS, async (page) => {
        await settled(page);
        const times = [];
        for (const [text, expected] of searches) {
            times.push(await timeOfSearch(page, text, expected));
            await settled(page);
        }
        console.log(`# search by ${what}: median ${median(times).toFixed(0)} ms (${times.map((ms) => ms.toFixed(0)).join(", ")})`);
        assert.ok(median(times) <= SEARCH_MS, `${median(times)} ms`);
    });
}

visit("finds a user by its id", USERS, async (page) => {
    const { items } = await api("GET", `/users?filter=${encodeURIComponent(`userName eq "${SOMEBODY.userName}"`)}`);
    await searchField(page).fill(items[0].id);
    await rows(page).getByText(SOMEBODY.email).waitFor();
    await settled(page);
    assert.equal(await rows(page).count(), 1);
});

visit("says what to do if nobody matches", USERS, async (page) => {
    await searchField(page).fill("nobody has this name");
    await page.getByText("No user matches “nobody has this name”.").waitFor();
    assert.match(await page.getByRole("link", { name: "Show the deleted users" }).getAttribute("href"), /type=user\.deleted/);
    await page.keyboard.press("Escape");
    await rows(page).first().waitFor();
});

visit("finds names with diacritics by the userName", USERS, async (page) => {
    const userName = unique("zoe.dvorak");
    const { id } = await api("POST", "/users", { userName: `a.${userName}`, displayName: "Zoë Dvořák" });
    for (const text of ["dvorak", "zoe dvo"]) {
        await searchField(page).fill(text);
        await rows(page).getByText("Zoë Dvořák").first().waitFor();
        await searchField(page).fill("");
        await rows(page).getByText("Zoë Dvořák").first().waitFor({ state: "detached" });
    }
    await api("DELETE", `/users/${id}`);
});

visit("opens a user with a click anywhere in the row", USERS, async (page) => {
    await settled(page);
    await rows(page).nth(3).locator("td").nth(3).click();
    await page.waitForFunction(() => /^#\/users\/[0-9a-f-]{36}/.test(location.hash));
});

visit("searches with / and keeps the list behind a user", USERS, async (page) => {
    await settled(page);
    await page.keyboard.press("/");
    await page.keyboard.type("noether");
    await rows(page).getByText(/Noether/).first().waitFor();
    await settled(page);
    await page.getByRole("button", { name: "Load more" }).click();
    await page.waitForFunction(() => document.querySelectorAll("main tbody tr").length > 60);
    await settled(page);
    const count = await rows(page).count();
    const link = rows(page).nth(count - 5).getByRole("link");
    const name = await link.innerText();
    await link.click();
    await page.waitForFunction(() => /^#\/users\/[0-9a-f-]{36}/.test(location.hash));
    await page.goBack();
    await page.waitForFunction((expected) => document.querySelectorAll("main tbody tr").length >= expected, count);
    assert.equal(await searchField(page).inputValue(), "noether");
    assert.ok(await rows(page).nth(count - 5).getByRole("link", { name }).isVisible());
    assert.ok(await page.evaluate(() => scrollY > 500), "the scroll position is restored");
    await page.goForward();
    await page.waitForFunction(() => /^#\/users\/[0-9a-f-]{36}/.test(location.hash));
});

visit("never loads everything", USERS, async (page, { problems }) => {
    await settled(page);
    assert.equal(await rows(page).count(), 50);
    await page.getByText(/Showing the first 50 of \d+/).waitFor();
    const lists = problems.urls.map((url) => new URL(url)).filter(({ pathname }) => pathname.endsWith("/users"));
    assert.ok(lists.every(({ searchParams }) => Number(searchParams.get("limit")) <= 50));
});

visit("filters, completes and marks errors", { ...USERS, expect: [400] }, async (page) => {
    await page.getByRole("button", { name: "Filter", exact: true }).click();
    const field = page.getByRole("combobox", { name: "Filter" });
    await field.pressSequentially("enterprise.dep");
    await page.getByRole("option", { name: /enterprise\.department/ }).waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.keyboard.type('eq "Legal" and active eq false');
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => location.hash.includes("filter="));
    await rows(page).getByText("Deactivated").first().waitFor();
    await settled(page);
    assert.equal(await rows(page).getByText("Deactivated").count(), await rows(page).count());

    await field.fill('title eqq "Engineer"');
    await page.keyboard.press("Enter");
    await page.locator(".filter .hint.error").waitFor();
    assert.ok(await page.locator(".filter-mark mark").count(), "the position is marked");
    assert.equal(await field.getAttribute("aria-invalid"), "true");
});

visit("offers filters, and the attribute that is meant", { ...USERS, expect: [400] }, async (page, { problems }) => {
    await page.getByRole("button", { name: "Filter", exact: true }).click();
    await page.getByRole("button", { name: "Deactivated" }).click();
    await page.waitForFunction(() => location.hash.includes("filter="));
    await rows(page).getByText("Deactivated").first().waitFor();
    const field = page.getByRole("combobox", { name: "Filter" });
    await field.fill("");
    await page.getByRole("button", { name: "By department" }).click();
    await page.getByRole("option", { name: "Legal" }).waitFor();
    const before = problems.urls.length;
    await field.pressSequentially('department = "Legal"');
    await field.fill('department = "Legal"');
    await page.keyboard.press("Enter");
    assert.ok(!problems.urls.slice(before).some((url) => url.includes("department+sw")), "unknown attributes have no values");
    await page.getByRole("button", { name: "Use enterprise.department" }).click();
    await page.waitForTimeout(600); // Slower than a double click.
    await page.getByRole("button", { name: "Use eq" }).click();
    await rows(page).first().waitFor();
    await page.waitForFunction(() => !document.querySelector("main .skeleton"));
    assert.equal(await field.inputValue(), 'enterprise.department eq "Legal"');
});

visit("sorts and chooses columns in the URL", USERS, async (page, { another }) => {
    await settled(page);
    await page.getByRole("button", { name: "userName" }).click();
    await page.waitForFunction(() => location.hash.includes("sort=userName"));
    await settled(page);
    await page.getByRole("button", { name: "userName" }).click();
    await page.waitForFunction(() => location.hash.includes("sort=-userName"));
    await settled(page);
    const names = await rows(page).locator("td:nth-child(2)").allInnerTexts();
    assert.deepEqual(names, [...names].sort().reverse());
    await page.locator("summary", { hasText: "Columns" }).click();
    await page.getByLabel("Department").check();
    await page.keyboard.press("Escape");
    await page.getByRole("columnheader", { name: "Department" }).waitFor();
    const shared = await another({ hash: new URL(page.url()).hash });
    await shared.getByRole("columnheader", { name: "Department" }).waitFor();
    await settled(shared);
    assert.deepEqual(await rows(shared).locator("td:nth-child(2)").allInnerTexts(), names);
});

visit("shows one of many with its e-mail on a narrow screen", { ...USERS, width: 390 }, async (page) => {
    await searchField(page).fill(ANOTHER.externalId);
    await rows(page).getByText(ANOTHER.userName, { exact: true }).waitFor();
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { api, base, key, unique } from "./api.mjs";
import { assertAccessibleEverywhere, signIn } from "./page.mjs";
import { visit } from "./visit.mjs";

const DOUBLE_CLICK_MS = 600;
const IMPORT = { hash: "#/import" };
const HEADER = "Login,First name,Last name,E-Mail,Job title,Dept,Room";

/** A file of 200 people from another system, with three mistakes. */
function people() {
    const prefix = unique("new");
    const line = (i, { login = `${prefix}.${i}`, mail = `${prefix}.${i}@example.com`, title = "Planner" } = {}) =>
        `${login},Nadia,Walsh,${mail},${title},Operations,${i}`;
    const lines = Array.from({ length: 200 }, (_, i) => line(i));
    lines[40] = line(40, { mail: "nadia.walsh.example.com" });
    lines[111] = line(111, { title: "Planner, Events" });
    lines[199] = line(199, { login: "" });
    return { prefix, lines, csv: `${HEADER}\n${lines.join("\n")}\n` };
}

async function choose(page, name, content) {
    await page.locator("input[type=file]").setInputFiles({ name, mimeType: "text/plain", buffer: Buffer.from(content) });
}

const review = (page) => page.getByRole("button", { name: "Review the changes" });
const apply = (page, count) => page.getByRole("button", { name: `Apply ${count} change${count === 1 ? "" : "s"}` });
const figure = (page, label) => page.locator(".figure", { hasText: label }).locator("dd").innerText();

async function plan(page, name, content) {
    await choose(page, name, content);
    await review(page).click();
    await page.getByRole("heading", { name: "Review the changes" }).waitFor();
}

/** Slower than a double click, which has no effect. */
async function importAnother(page) {
    await page.waitForTimeout(DOUBLE_CLICK_MS);
    await page.getByRole("button", { name: "Import another file" }).click();
}

async function downloadRejects(page) {
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Download the refused lines" }).click()]);
    return { name: download.suggestedFilename(), text: readFileSync(await download.path(), "utf8") };
}

const countOf = async (prefix) => (await api("GET", `/users?limit=1&include=total&filter=${encodeURIComponent(`userName sw "${prefix}"`)}`)).total;

visit("plans and applies 200 users, of which three have mistakes", IMPORT, async (page) => {
    const { prefix, lines, csv } = people();
    await choose(page, "people.csv", csv);
    assert.ok(await review(page).isDisabled(), "a column is unknown");
    await page.getByText("No attribute has this name.").waitFor();
    await page.getByLabel("Attribute of the column Room").selectOption({ label: "Do not import this column" });
    await assertAccessibleEverywhere(page);
    await review(page).click();

    await apply(page, 197).waitFor();
    assert.equal(await countOf(prefix), 0);
    await page.getByRole("row", { name: `${prefix}.0` }).getByText("Create").waitFor();
    await assertAccessibleEverywhere(page);
    await page.getByRole("link", { name: "Refused" }).click();
    const refused = page.locator("main tbody tr");
    assert.equal(await refused.count(), 3);
    for (const [i, line, ...texts] of [
        [0, "42", "Column E-Mail", "“nadia.walsh.example.com”", "Must have exactly one @", "Write an address such as ada@example.com."],
        [1, "113", "Has 8 cells, but the header has 7", "Text that contains commas must be in double quotes."],
        [2, "201", "Column Login", "Is required. Enter a value"],
    ]) {
        assert.equal(await refused.nth(i).locator("td").first().innerText(), line);
        for (const text of texts) assert.ok((await refused.nth(i).innerText()).includes(text), text);
    }
    await assertAccessibleEverywhere(page);

    await apply(page, 197).click();
    await page.getByRole("heading", { name: "Import finished" }).waitFor();
    await page.getByText("197 lines were imported, 3 were refused.").waitFor();
    assert.equal(await figure(page, "Created"), "197");
    assert.equal(await countOf(prefix), 197);
    await assertAccessibleEverywhere(page);
    const rejects = await downloadRejects(page);
    assert.equal(rejects.name, "people-refused.csv");
    assert.equal(rejects.text, [HEADER, lines[40], lines[111], lines[199], ""].join("\n"));

    // The corrected rejects can be imported; so can the whole file, which changes nothing else.
    const corrected = rejects.text
        .replace("nadia.walsh.example.com", "nadia.walsh@example.com")
        .replace("Planner, Events", '"Planner, Events"')
        .replace("\n,Nadia", `\n${prefix}.199,Nadia`);
    await importAnother(page);
    await choose(page, rejects.name, corrected);
    await page.getByLabel("Attribute of the column Room").selectOption({ label: "Do not import this column" });
    await review(page).click();
    await apply(page, 3).click();
    await page.getByRole("heading", { name: "Import finished" }).waitFor();
    assert.equal(await countOf(prefix), 200);
});

visit("refuses a line about the user of an earlier line, so that nobody is lost", IMPORT, async (page) => {
    const prefix = unique("same");
    const lines = [`${prefix}.1,Ann First,"one\ntwo"`, `${prefix.toUpperCase()}.1,Bob Second,"three\nfour"`, ...Array.from({ length: 250 }, (_, i) => `${prefix}.${i + 2},Nia,`), `${prefix}.1,Cal Third,`];
    const file = `userName,displayName,title\n${lines.join("\n")}\n`;
    await plan(page, "same.csv", file);
    assert.deepEqual([await figure(page, "To create"), await figure(page, "To update"), await figure(page, "Refused")], ["251", "0", "2"]);
    await page.getByRole("row", { name: "Bob Second" }).getByText("Line 2 of this file has the same userName.").waitFor();
    await page.getByRole("row", { name: "Cal Third" }).getByText("Line 2 of this file has the same userName.").waitFor();
    assert.equal(await page.locator("main tbody tr").nth(1).locator("td").first().innerText(), "256");
    await apply(page, 251).click();
    await page.getByText("251 lines were imported, 2 were refused.").waitFor();
    const { items } = await api("GET", `/users?filter=${encodeURIComponent(`userName eq "${prefix}.1"`)}`);
    assert.deepEqual(items.map(({ displayName, title }) => [displayName, title]), [["Ann First", "one\ntwo"]]);
    assert.equal((await downloadRejects(page)).text, `userName,displayName,title\n${lines[1]}\n${lines.at(-1)}\n`);

    // A file in which every line is a repeat or invalid is no error.
    await importAnother(page);
    await plan(page, "users.ndjson", `${JSON.stringify({ userName: `${prefix}.1`, displayName: "Ann First" })}\n`.repeat(2));
    assert.deepEqual([await figure(page, "Unchanged"), await figure(page, "Refused")], ["1", "1"]);
});

visit("shows only the lines of one kind, with the groups", IMPORT, async (page) => {
    const userName = unique("kinds");
    await api("POST", "/users", { userName });
    await plan(page, "kinds.csv", `userName,active,groups\n${userName}.new,false,Legal;Sales\n${userName},true,Legal\n,true,\n`);
    const actions = () => page.locator("main tbody td:nth-child(2)").allInnerTexts();
    assert.deepEqual(await actions(), ["Refused", "Update", "Create"]);
    const update = page.getByRole("row", { name: "Update" });
    assert.equal(await update.locator("ins").textContent(), "After: Legal");
    await page.getByRole("row", { name: "Create" }).getByText("Sales").waitFor();
    await page.getByRole("row", { name: "Create" }).getByText("Deactivated").waitFor();
    await page.getByRole("link", { name: "To update" }).click();
    await page.waitForFunction(() => document.querySelectorAll("main tbody tr").length === 1);
    assert.deepEqual(await actions(), ["Update"]);
    await assertAccessibleEverywhere(page);
    await page.getByRole("link", { name: "To update" }).click();
    await page.waitForFunction(() => document.querySelectorAll("main tbody tr").length === 3);
});

visit("shows what an update changes, before and after", IMPORT, async (page) => {
    const userName = unique("update");
    await api("POST", "/users", { userName, title: "Analyst" });
    await plan(page, "users.ndjson", `${JSON.stringify({ userName, title: "Counsel" })}\n`);
    const row = page.locator("main tbody tr");
    assert.equal(await row.locator("del").textContent(), "Before: Analyst");
    assert.equal(await row.locator("ins").textContent(), "After: Counsel");
    await apply(page, 1).click();
    await page.getByRole("heading", { name: "Import finished" }).waitFor();
    assert.equal(await figure(page, "Updated"), "1");
    await importAnother(page);
    await plan(page, "users.ndjson", `${JSON.stringify({ userName, title: "Counsel" })}\n`);
    await page.getByText("The file changes nothing").waitFor();
});

visit("does not apply a plan after somebody else has written", { ...IMPORT, expect: [412] }, async (page) => {
    const userName = unique("moved");
    await plan(page, "users.ndjson", `${JSON.stringify({ userName })}\n`);
    await api("POST", "/users", { userName: unique("faster") });
    await apply(page, 1).click();
    await page.getByText("Something was written to the directory since you reviewed the changes").waitFor();
    await page.getByRole("button", { name: "Check again" }).click();
    await apply(page, 1).click();
    await page.getByRole("heading", { name: "Import finished" }).waitFor();
});

/** Lines for `count` new users. */
const many = (prefix, count) => Array.from({ length: count }, (_, i) => `${JSON.stringify({ userName: `${prefix}.${i}` })}\n`).join("");

visit("continues after the network has failed, and says what was done when cancelled", { ...IMPORT, offline: true }, async (page, { context }) => {
    const prefix = unique("many");
    await plan(page, "users.ndjson", many(prefix, 6000));
    await apply(page, "6,000").click();
    await page.waitForFunction(() => Number(document.querySelector("progress")?.value) > 0);
    await context.setOffline(true);
    await page.getByRole("button", { name: "Continue" }).waitFor();
    await page.getByText("Nothing is lost").waitFor();
    await context.setOffline(false);
    await page.getByRole("button", { name: "Continue" }).click();
    await page.waitForTimeout(DOUBLE_CLICK_MS);
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("heading", { name: "Canceled" }).waitFor();
    const done = Number((await figure(page, "Created")).replaceAll(",", ""));
    assert.ok(done > 0 && done < 6000, `${done}`);
    await page.getByText(/The import stopped after [\d,]+ lines/).waitFor();
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("heading", { name: "Import finished" }).waitFor();
    assert.equal(await countOf(prefix), 6000);
});

visit("continues with another key if its own is revoked", { ...IMPORT, signedIn: false, expect: [401] }, async (page) => {
    const { id, secret } = await api("POST", "/keys", { role: "admin", name: unique("import") });
    await signIn(page, { as: secret });
    await choose(page, "users.csv", `Login,Room\n${unique("revoked")},7\n`);
    await page.getByLabel("Attribute of the column Room").selectOption({ label: "title" });
    await api("DELETE", `/keys/${id}`);
    await review(page).click();
    await page.getByRole("heading", { name: "Sign in again" }).waitFor();
    await signIn(page);
    await apply(page, 1).click();
    await page.getByRole("heading", { name: "Import finished" }).waitFor();
});

visit("does not continue in the tenant of another key", { ...IMPORT, signedIn: false, expect: [401] }, async (page) => {
    const other = unique("other").toLowerCase();
    await api("POST", "/tenants", { name: other });
    const foreign = await api("POST", "/keys", { role: "admin" }, { headers: { "Roster-Tenant": other } });
    const own = await api("POST", "/keys", { role: "admin" });
    await signIn(page, { as: own.secret });
    await plan(page, "users.ndjson", many(unique("foreign"), 300));
    await api("DELETE", `/keys/${own.id}`);
    await apply(page, 300).click();
    await page.getByRole("heading", { name: "Sign in again" }).waitFor();
    await signIn(page, { as: foreign.secret });
    await page.getByText(other).first().waitFor();
    await page.waitForTimeout(1000);
    assert.equal((await api("GET", "/users?limit=1&include=total", undefined, { as: foreign.secret })).total, 0);
});

visit("copies an export with its members into another tenant", { ...IMPORT, signedIn: false }, async (page) => {
    const [source, target] = [unique("source").toLowerCase(), unique("target").toLowerCase()];
    for (const name of [source, target]) await api("POST", "/tenants", { name });
    const within = (name) => ({ headers: { "Roster-Tenant": name } });
    await api("POST", "/groups", { displayName: "Choir" }, within(source));
    const csv = `userName,groups\n${Array.from({ length: 450 }, (_, i) => `singer.${i},Choir\n`).join("")}`;
    await api("POST", "/import", csv, { ...within(source), type: "text/csv" });
    const lines = await (await fetch(`${base}/export`, { headers: { Authorization: `Bearer ${key}`, "Roster-Tenant": source } })).text();

    await page.evaluate((name) => (location.hash = `/import?tenant=${name}`), target);
    await signIn(page);
    await plan(page, "export.ndjson", lines);
    assert.deepEqual([await figure(page, "To create"), await figure(page, "Refused")], ["901", "0"]);
    await apply(page, 901).click();
    await page.getByRole("heading", { name: "Import finished" }).waitFor();
    assert.equal(await page.getByText("The export in this file is incomplete").count(), 0);
    const [group] = (await api("GET", "/groups", undefined, within(target))).items;
    assert.equal(group.memberCount, 450);

    // Again, without its last lines: everything is unchanged, and the end is missing.
    await importAnother(page);
    await plan(page, "export.ndjson", lines.split("\n").slice(0, 300).join("\n"));
    await page.getByText("The export in this file is incomplete").waitFor();
    assert.deepEqual([await figure(page, "Unchanged"), await figure(page, "Refused")], ["299", "0"]);
});

visit("recognises formats and explains other separators", IMPORT, async (page) => {
    await choose(page, "users.txt", '{"userName":"ada"}\n');
    await page.getByText("NDJSON, one JSON object per line").waitFor();
    await page.getByRole("button", { name: "Choose another file" }).click();
    await choose(page, "users.csv", "\ufeffuserName;title\nada;Countess\n");
    await page.getByText("The columns are separated by semicolons.").waitFor();
    assert.ok(await review(page).isDisabled());
    await page.getByRole("button", { name: "Choose another file" }).click();
    await choose(page, "empty.csv", "");
    await page.getByText("The file is empty.").waitFor();
});

visit("accepts a file that is dropped", IMPORT, async (page) => {
    const transfer = await page.evaluateHandle(() => {
        const data = new DataTransfer();
        data.items.add(new File(["userName,title\nada,Countess\n"], "dropped.csv"));
        return data;
    });
    await page.locator(".drop-zone").dispatchEvent("drop", { dataTransfer: transfer });
    await page.getByText("dropped.csv").waitFor();
});

visit("imports with the keyboard only", IMPORT, async (page) => {
    const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() || document.activeElement?.getAttribute("aria-label"));
    const tabTo = async (name) => {
        for (let i = 0; i < 60 && await focused() !== name; i += 1) await page.keyboard.press("Tab");
        assert.equal(await focused(), name);
    };
    page.on("filechooser", () => {}); // Playwright intercepts the chooser from now on.
    await page.getByRole("heading", { name: "Import" }).waitFor();
    await tabTo("Choose a file");
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.keyboard.press("Enter")]);
    await chooser.setFiles({ name: "users.csv", mimeType: "text/csv", buffer: Buffer.from(`userName\n${unique("keys")}\n`) });
    await review(page).waitFor();
    await page.locator(":focus", { hasText: "Import" }).waitFor();
    await tabTo("Review the changes");
    await page.keyboard.press("Enter");
    await apply(page, 1).waitFor();
    await page.locator(":focus", { hasText: "Review the changes" }).waitFor();
    await page.waitForFunction(() => !document.querySelector("main button.primary")?.disabled);
    await tabTo("Apply 1 change");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Import finished" }).waitFor();
    await tabTo("Import another file");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Choose a file" }).waitFor();
    await page.locator(":focus", { hasText: "Import" }).waitFor();
});

// Refreshes docs/screenshots: URL=… KEY=… node screenshots.mjs [VIEW…]. The server should have a new database, because the
// screenshots show everything that is in it.
import { mkdir, writeFile } from "node:fs/promises";
import { chromium } from "playwright-core";
import { api, base } from "./api.mjs";
import { importDirectory } from "./directory.mjs";
import { reduced } from "./png.mjs";
import { samples, userNamed } from "./samples.mjs";
import { VIEWS, hashOf } from "./views.mjs";
import { settled, signIn } from "./page.mjs";

const FOLDER = new URL("../../../../docs/screenshots/", import.meta.url);

/** A file with three mistakes. */
const PEOPLE = `Login,First name,Last name,E-Mail,Job title,Dept,Room
mira.adeyemi,Mira,Adeyemi,mira.adeyemi@example.com,Engineer,Engineering,4.12
jonas.lindgren,Jonas,Lindgren,jonas.lindgren.example.com,Planner,Operations,2.03
lucia.castellano,Lucia,Castellano,lucia.castellano@example.com,"Head, Events",Marketing,1.17
omar.benali,Omar,Benali,omar.benali@example.com,Head, Legal,Legal,3.30
,Yara,Khoury,yara.khoury@example.com,Scientist,Research,4.02
ada.lovelace,Ada,Lovelace,ada.lovelace@example.com,Principal Scientist,Research,4.01
`;

/** Views that are reached by actions: the view to begin with, and the actions. */
const STEPS = {
    "group-search": ["group-add", findMembers],
    "user-merge": ["user-edit", merge],
    "import-columns": ["import", chooseFile],
    "import-plan": ["import", chooseFile, plan],
    "import-refused": ["import", chooseFile, plan, (page) => page.getByRole("link", { name: "Refused" }).click()],
};

const chosen = process.argv.slice(2);
const names = chosen.length ? chosen : ["sign-in", ...Object.keys(VIEWS), ...Object.keys(STEPS)];

async function findMembers(page) {
    await page.getByRole("dialog").getByRole("searchbox").fill("curie");
    for (const i of [1, 2]) await page.getByRole("dialog").getByRole("checkbox").nth(i).check();
}

async function merge(page) {
    const { id, title } = await userNamed("ada.lovelace");
    await page.getByLabel("Title", { exact: true }).fill("Distinguished Engineer");
    await page.getByLabel("Nickname", { exact: true }).fill("Lady Ada");
    await api("PATCH", `/users/${id}`, { title: `Deputy ${title}` }, { type: "application/merge-patch+json" });
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByRole("heading", { name: "Merge the changes" }).waitFor();
    await api("PATCH", `/users/${id}`, { title }, { type: "application/merge-patch+json" });
}

async function chooseFile(page) {
    await page.locator("input[type=file]").setInputFiles({ name: "new-colleagues.csv", mimeType: "text/csv", buffer: Buffer.from(PEOPLE) });
}

async function plan(page) {
    await page.getByLabel("Attribute of the column Room").selectOption({ label: "Do not import this column" });
    await page.getByRole("button", { name: "Review the changes" }).click();
    await page.getByRole("heading", { name: "Review the changes" }).waitFor();
}

async function open(page, name) {
    const [view, ...actions] = STEPS[name] ?? [name];
    await page.goto(`${base}/admin${await hashOf(view) ?? ""}`);
    if (name === "sign-in") return page.getByLabel("Key", { exact: true }).waitFor();
    await signIn(page);
    await page.locator("main h1").waitFor();
    await settled(page);
    for (const action of actions) await action(page);
    await settled(page);
}

await importDirectory();
await samples();
await mkdir(FOLDER, { recursive: true });
const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", chromiumSandbox: process.getuid() !== 0 });
for (const name of names) {
    for (const scheme of ["light", "dark"]) {
        const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: scheme, reducedMotion: "reduce" });
        await open(page, name);
        await page.mouse.move(0, 0);
        const png = reduced(await page.screenshot({ caret: "hide" }));
        await writeFile(new URL(`${name}-${scheme}.png`, FOLDER), png);
        console.log(`${name}-${scheme}.png: ${Math.ceil(png.length / 1024)} KB`);
        await page.close();
    }
}
await browser.close();

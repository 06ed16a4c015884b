// Refreshes docs/screenshots: URL=… KEY=… node screenshots.mjs [VIEW…]. The server should have a new database, because the
// screenshots show everything that is in it.
import { mkdir, writeFile } from "node:fs/promises";
import { chromium } from "playwright-core";
import { base } from "./api.mjs";
import { importDirectory } from "./directory.mjs";
import { reduced } from "./png.mjs";
import { VIEWS, hashOf } from "./views.mjs";
import { settled, signIn } from "./page.mjs";

const FOLDER = new URL("../../../../docs/screenshots/", import.meta.url);
const names = process.argv.length > 2 ? process.argv.slice(2) : ["sign-in", ...Object.keys(VIEWS), "import-columns", "import-plan", "import-refused"];

/** A file with three mistakes, for the steps of an import. */
const PEOPLE = `Login,First name,Last name,E-Mail,Job title,Dept,Room
mira.okafor,Mira,Okafor,mira.okafor@example.com,Engineer,Engineering,4.12
jonas.weber,Jonas,Weber,jonas.weber.example.com,Planner,Operations,2.03
lucia.costa,Lucia,Costa,lucia.costa@example.com,"Head, Events",Marketing,1.17
omar.haddad,Omar,Haddad,omar.haddad@example.com,Head, Legal,Legal,3.30
,Yara,Mansour,yara.mansour@example.com,Scientist,Research,4.02
ada.lovelace,Ada,Lovelace,ada.lovelace@example.com,Principal Scientist,Research,4.01
`;

/** The steps of an import, each of which begins with those before it. */
const STEPS = {
    "import-columns": (page) => page.locator("input[type=file]").setInputFiles({ name: "new-colleagues.csv", mimeType: "text/csv", buffer: Buffer.from(PEOPLE) }),
    async "import-plan"(page) {
        await page.getByLabel("Attribute of the column Room").selectOption({ label: "Do not import this column" });
        await page.getByRole("button", { name: "Review the changes" }).click();
        await page.getByRole("heading", { name: "Review the changes" }).waitFor();
    },
    "import-refused": (page) => page.getByRole("link", { name: /Refused lines/ }).click(),
};

async function open(page, name) {
    const steps = Object.keys(STEPS);
    await page.goto(`${base}/admin${name in STEPS ? "#/import" : await hashOf(name) ?? ""}`);
    if (name === "sign-in") return page.getByLabel("Key", { exact: true }).waitFor();
    await signIn(page);
    await page.locator("main h1").waitFor();
    for (const step of steps.slice(0, steps.indexOf(name) + 1)) await STEPS[step](page);
    await settled(page);
}

await importDirectory();
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

import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { SIZE } from "./directory.mjs";
import { visit } from "./visit.mjs";

const EXPORT = { hash: "#/export", timeout: 120_000 };
const start = (page) => page.getByRole("button", { name: "Download the export" });

visit("downloads the whole directory", EXPORT, async (page) => {
    const [download] = await Promise.all([page.waitForEvent("download"), start(page).click()]);
    assert.match(download.suggestedFilename(), /^roster-default-\d{4}-\d{2}-\d{2}\.ndjson$/);
    await page.getByText("The export is complete.").waitFor();
    let [lines, last] = [0, ""];
    for await (const line of createInterface({ input: createReadStream(await download.path()) })) [lines, last] = [lines + 1, line];
    const { end, users, groups, members } = JSON.parse(last);
    assert.ok(end && users >= SIZE);
    assert.equal(lines, users + groups + members + 2);
    const shown = await page.locator(".facts dd").allInnerTexts();
    assert.deepEqual(shown.slice(1).map((text) => Number(text.replaceAll(",", ""))), [users, groups, members]);
});

visit("can be cancelled", EXPORT, async (page) => {
    await page.route("**/export", () => {}); // The response never begins.
    await start(page).click();
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByText("The export was canceled. No file was saved.").waitFor();
});

visit("saves nothing if the response ends early", EXPORT, async (page) => {
    await page.route("**/export", (route) => route.fulfill({ contentType: "application/x-ndjson", body: '{"revision":1,"epoch":"e"}\n{"resource":"user"}\n' }));
    let downloads = 0;
    page.on("download", () => (downloads += 1));
    await start(page).click();
    await page.getByText("The export ended early, so no file was saved.").waitFor();
    assert.equal(downloads, 0);
});

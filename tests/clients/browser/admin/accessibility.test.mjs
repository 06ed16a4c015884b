import { base } from "./api.mjs";
import { assertAccessibleEverywhere, signIn } from "./page.mjs";
import { visit } from "./visit.mjs";
import { VIEWS, hashOf } from "./views.mjs";

visit("the sign-in page is accessible", { signedIn: false }, async (page) => {
    await page.getByLabel("Key", { exact: true }).waitFor();
    await assertAccessibleEverywhere(page);
});

for (const view of Object.keys(VIEWS)) {
    visit(`the view ${view} is accessible`, { signedIn: false }, async (page) => {
        await page.goto(`${base}/admin${await hashOf(view)}`);
        await signIn(page);
        await page.locator("main h1").waitFor();
        await assertAccessibleEverywhere(page);
    });
}

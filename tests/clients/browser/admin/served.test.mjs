// Compares the modules that the server sends with their sources.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import ts from "typescript";
import { base } from "./api.mjs";

const PAGE = new URL("../../../../src/http/admin/page/", import.meta.url);
const options = { removeComments: true, target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext };

/** The code without comments and indentation. */
const codeOf = (text) => ts.transpileModule(text, { compilerOptions: options }).outputText.replace(/\s+/g, " ");

test("the server removes only comments and indentation", async () => {
    const html = await (await fetch(`${base}/admin`)).text();
    const [, directory] = /src="(admin\/\w+)\/app\.js"/.exec(html) ?? assert.fail(html);
    const modules = readdirSync(PAGE, { recursive: true }).filter((name) => name.endsWith(".js"));
    assert.ok(modules.length > 50);
    for (const name of modules) {
        const served = await (await fetch(`${base}/${directory}/${name}`)).text();
        assert.equal(codeOf(served), codeOf(readFileSync(new URL(name, PAGE), "utf8")), name);
    }
});

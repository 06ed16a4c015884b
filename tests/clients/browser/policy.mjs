import assert from "node:assert/strict";

/** Asserts that the policy allows nothing by default, and no scripts except files of this server. */
export function assertStrictPolicy(policy) {
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
    return directives;
}

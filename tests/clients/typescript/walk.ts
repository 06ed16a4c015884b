// The requests of the README, with the types of docs/openapi.json. Usage: URL=… KEY=… node dist/walk.js
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./roster.js";

type User = components["schemas"]["UserPage"]["items"][number];
type Query = NonNullable<paths["/users"]["get"]["parameters"]["query"]>;

const { URL: baseUrl = "http://127.0.0.1:3000", KEY } = process.env;
const roster = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${KEY}` } });

/** Yields every user that matches the query, requesting one page at a time. */
async function* users(query: Query): AsyncGenerator<User> {
    let next = query;
    for (;;) {
        const { data, error } = await roster.GET("/users", { params: { query: next } });
        if (error) throw new Error(`${error.code}: ${error.detail}`);
        yield* data.items;
        if (data.nextCursor === undefined) return;
        next = { ...query, cursor: data.nextCursor };
    }
}

// Create.
const { data: created, response: creation } = await roster.POST("/users", {
    body: { userName: "ada", name: { givenName: "Ada" }, emails: [{ value: "ada@example.com", primary: true }] },
});
assert.equal(creation.status, 201);
assert.ok(created);
const path = { id: created.id };
assert.equal(creation.headers.get("Location"), `/users/${created.id}`);

// Read; the version is also the ETag.
const { data: ada, response: reading } = await roster.GET("/users/{id}", { params: { path } });
assert.deepEqual(ada, created);
const etag = reading.headers.get("ETag");
assert.ok(etag);
assert.equal(etag, `"${ada.version}"`);
assert.equal(ada.emails[0]?.value, "ada@example.com");
// @ts-expect-error: an attribute that users do not have
assert.equal(ada.username, undefined);

// Update, unless the user has changed since it was read.
const change = { params: { path, header: { "If-Match": etag } }, body: { title: "Countess" } };
const { data: changed } = await roster.PATCH("/users/{id}", change);
assert.ok(changed);
assert.deepEqual([changed.title, changed.version], ["Countess", 2]);
const { error: mismatch, response: refusal } = await roster.PATCH("/users/{id}", change);
assert.equal(refusal.status, 412);
assert.equal(mismatch?.code, "precondition-failed");

// A validation error names the invalid field.
const { error: invalid } = await roster.POST("/users", { body: { userName: " " } });
assert.equal(invalid?.errors?.[0]?.pointer, "/userName");

// List, page by page.
for (const userName of ["grace", "edsger"]) {
    const { error } = await roster.POST("/users", { body: { userName, title: "Countess" } });
    assert.equal(error, undefined);
}
const found: User[] = [];
for await (const user of users({ filter: 'title eq "Countess"', sort: "-userName", limit: 1 })) found.push(user);
assert.deepEqual(found.map((user) => user.userName), ["grace", "edsger", "ada"]);

// Delete. Reading a deleted user is an error.
for (const { id } of found) {
    assert.ok(id);
    const { response: deletion } = await roster.DELETE("/users/{id}", { params: { path: { id } } });
    assert.equal(deletion.status, 204);
}
const { data: nobody, error: problem } = await roster.GET("/users/{id}", { params: { path } });
assert.equal(nobody, undefined);
assert.ok(problem);
assert.deepEqual([problem.status, problem.code], [404, "not-found"]);

// Requests to the server under test.
export const { URL: base, KEY: key } = process.env;

/** Sends a request and returns the JSON of the response; of an import, the summary. */
export async function api(method, path, body, { type = "application/json", as = key, headers = {} } = {}) {
    const sent = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(`${base}${path}`, { method, body: sent, headers: { Authorization: `Bearer ${as}`, "Content-Type": type, ...headers } });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text && JSON.parse(path.startsWith("/import") ? text.trim().split("\n").pop() : text);
}

/** Sends a SCIM request with the token of a connection, as an identity provider does. Errors are results. */
export async function scim(token, method, path, body) {
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/scim+json" };
    const response = await fetch(`${base}/scim/v2${path}`, { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    return { status: response.status, body: text && JSON.parse(text) };
}

/** Waits until a condition holds, for example until a request is recorded. */
export async function waitFor(condition) {
    for (let attempt = 0; attempt < 100; attempt += 1) {
        if (await condition()) return;
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error("the condition did not become true");
}

let last = 0;

/** A name that no other test uses, nor an earlier run. */
export const unique = (prefix) => `${prefix}-${Date.now().toString(36)}${(last += 1)}`;

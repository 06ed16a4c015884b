// Requests to the API under test.
export const { URL: base, KEY: key } = process.env;

/** Sends a request and returns the JSON of the response; of an import, the summary. */
export async function api(method, path, body, { type = "application/json", as = key, headers = {} } = {}) {
    const sent = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(`${base}${path}`, { method, body: sent, headers: { Authorization: `Bearer ${as}`, "Content-Type": type, ...headers } });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text && JSON.parse(path.startsWith("/import") ? text.trim().split("\n").pop() : text);
}

let last = 0;

/** A name that no other test uses, nor an earlier run. */
export const unique = (prefix) => `${prefix}-${Date.now().toString(36)}${(last += 1)}`;

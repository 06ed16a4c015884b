/** The only module that sends requests. It uses nothing but the public API. */
import { currentLocation } from "./router.js";
import { can, currentSession, signInAgain } from "./session.js";
import { texts } from "./texts.js";

/** The server serves this file as `<base>admin/<digest>/api.js`, so this works behind a path prefix. */
export const base = new URL("../../", import.meta.url);

/** The number of writes since the start. What was read before the last one may be outdated. */
export let writes = 0;

const RETRIES = 3;
const LONGEST_WAIT_SECONDS = 5;

/** @typedef {string | number | boolean | null | undefined} Parameter */
/**
 * @typedef {object} RequestOptions
 * @property {string} [method]
 * @property {Record<string, Parameter>} [query] Null, undefined and "" leave a parameter out.
 * @property {unknown} [body] Sent as JSON; a Blob is sent unchanged.
 * @property {string | number | null} [ifMatch] A version or an ETag.
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 * @property {string | null} [tenant] Instead of the selected tenant; null is that of the key.
 */
/**
 * @template [T=any]
 * @typedef {{ data: T, etag: string | null, status: number, headers: Headers }} Answer
 */
/** @typedef {{ pointer: string, code: string, detail: string }} FieldError */

/** An error of the API (RFC 9457), or of the network (status 0). */
export class Problem extends Error {
    /** @param {{ status: number, detail: string, code?: string, requestId?: string, errors?: FieldError[] }} body */
    constructor(body) {
        super(body.detail);
        this.status = body.status;
        this.detail = body.detail;
        this.code = body.code ?? "";
        this.requestId = body.requestId ?? null;
        this.errors = body.errors ?? [];
        /** The whole problem, with members such as `existingId`. @type {Record<string, any>} */
        this.body = body;
    }
}

/** Whether the error is that of a request that was cancelled, which nobody needs to know. @param {unknown} error */
export const isAbort = (error) => error instanceof DOMException && error.name === "AbortError";

/**
 * Sends a request and reads the JSON of its response.
 * @param {string} path @param {RequestOptions} [options] @returns {Promise<Answer>}
 * @throws {Problem}
 */
export async function request(path, options = {}) {
    const response = await open(path, options);
    const text = await response.text();
    return {
        data: text ? JSON.parse(text) : null,
        etag: response.headers.get("ETag"),
        status: response.status,
        headers: response.headers,
    };
}

/** @param {string} path @param {Record<string, Parameter>} [query] @param {AbortSignal} [signal] */
export const get = (path, query, signal) => request(path, { query, signal });

/**
 * Sends a request and returns the response unread, for streams and downloads.
 * @param {string} path @param {RequestOptions} [options] @throws {Problem}
 */
export async function open(path, options = {}) {
    for (let attempt = 0; ; attempt += 1) {
        const response = await send(path, options, currentSession().key);
        if (options.method && options.method !== "GET") reportWrite(path, response);
        if (response.ok || response.status === 304) return response;
        const problem = await problemOf(response);
        if (response.status === 401 && await signInAgain()) continue;
        const wait = secondsToWait(response, options, attempt);
        if (wait === null) throw problem;
        await sleep(wait, options.signal);
    }
}

/** Tells what shows a result that the write makes outdated. @param {string} path @param {Response} response */
function reportWrite(path, { ok }) {
    writes += 1;
    if (ok) dispatchEvent(new CustomEvent("roster-write", { detail: path }));
}

/** The caller that a key belongs to, without using the session. @param {string} key @throws {Problem} */
export async function identify(key) {
    const response = await send("/me", { tenant: null }, key);
    if (!response.ok) throw await problemOf(response);
    return response.json();
}

/** @param {string} path @param {RequestOptions} options @param {string | null} key */
async function send(path, { method = "GET", query = {}, body, ifMatch, headers = {}, signal, tenant = currentLocation().tenant }, key) {
    const url = new URL(path.slice(1), base);
    for (const [name, value] of Object.entries(query)) {
        if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, String(value));
    }
    const init = { method, signal, cache: /** @type {const} */ ("no-store"), headers: new Headers(headers), body: bodyOf(body) };
    const set = (/** @type {string} */ name, /** @type {string} */ value) => init.headers.set(name, value);
    if (key) set("Authorization", `Bearer ${key}`);
    if (tenant && can("operator")) set("Roster-Tenant", tenant);
    if (body !== undefined && !init.headers.has("Content-Type")) set("Content-Type", "application/json");
    if (ifMatch !== undefined && ifMatch !== null) set("If-Match", quoted(ifMatch));
    try {
        return await fetch(url, init);
    } catch (error) {
        if (isAbort(error)) throw error;
        throw new Problem({ status: 0, detail: texts.errors.network });
    }
}

/** @param {unknown} body */
function bodyOf(body) {
    if (body === undefined || body instanceof Blob || typeof body === "string") return body;
    return JSON.stringify(body);
}

/** @param {string | number} version */
const quoted = (version) => (/^(W\/)?"/.test(String(version)) ? String(version) : `"${version}"`);

/** @param {Response} response @returns {Promise<Problem>} */
async function problemOf(response) {
    const requestId = response.headers.get("X-Request-Id") ?? undefined;
    try {
        return new Problem({ requestId, ...await response.json() });
    } catch {
        // A proxy in front of Roster can send a response of any form.
        return new Problem({ status: response.status, detail: texts.errors.unexpected(response.status), requestId });
    }
}

/** Only reads are repeated. @param {Response} response @param {RequestOptions} options @param {number} attempt */
function secondsToWait(response, { method = "GET" }, attempt) {
    const retryAfter = Number(response.headers.get("Retry-After") ?? NaN);
    const temporary = response.status === 429 || response.status === 503;
    if (method !== "GET" || !temporary || Number.isNaN(retryAfter) || attempt >= RETRIES) return null;
    return retryAfter <= LONGEST_WAIT_SECONDS ? retryAfter : null;
}

/** @param {number} seconds @param {AbortSignal} [signal] @returns {Promise<void>} */
function sleep(seconds, signal) {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(resolve, seconds * 1000);
        signal?.addEventListener("abort", () => {
            clearTimeout(timer);
            reject(signal.reason);
        });
    });
}

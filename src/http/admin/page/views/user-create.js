import { html, useRef } from "../vendor/htm-preact.js";
import { request } from "../api.js";
import { Page } from "../components/page.js";
import { toast } from "../components/toasts.js";
import { useAction } from "../hooks.js";
import { navigate } from "../router.js";
import { texts } from "../texts.js";
import { useDraft } from "../user/drafts.js";
import { jsonOf } from "../user/json-attributes.js";
import { writable } from "../user/patch.js";
import { entered, UserForm } from "../user/user-form.js";
import { nameOf } from "../user-search.js";

const NAME = { formatted: null, givenName: null, middleName: null, familyName: null, honorificPrefix: null, honorificSuffix: null };
const LISTS = { emails: [], phoneNumbers: [], ims: [], photos: [], addresses: [], entitlements: [], roles: [], x509Certificates: [] };
const EMPTY = { userName: "", active: true, name: NAME, enterprise: {}, externalIds: {}, custom: {}, extensions: {}, ...LISTS };
const FIRST_EMAIL = { value: "", display: null, type: "work", primary: true };

/** Creates a user, and continues with the new user. */
export default function UserCreate() {
    const { draft, change, discard } = useDraft("new", () => ({ base: EMPTY, mine: { ...EMPTY, emails: [FIRST_EMAIL] }, json: jsonOf(EMPTY) }));
    const keyOf = useIdempotencyKey();
    const save = useAction(async () => {
        const body = writable(entered(draft));
        const { data } = await request("/users", { method: "POST", body, headers: { "Idempotency-Key": keyOf(body) } });
        discard();
        navigate(`/users/${data.id}`, {}, { replace: true });
        const action = { label: texts.user.form.createAnother, run: () => navigate("/users/new") };
        toast(texts.user.form.created(nameOf(data)), { action, about: `/users/${data.id}` });
    });
    const leave = () => {
        discard();
        navigate("/users");
    };
    return html`
        <${Page} title=${texts.user.form.new}>
            <${UserForm} draft=${draft} onInput=${change} save=${save} action=${texts.user.form.create} onDiscard=${leave} />
        <//>`;
}

/** The same key for the same body, so that a repeated request creates one user. Another body needs another key. */
function useIdempotencyKey() {
    const last = useRef({ body: "", key: "" });
    return (/** @type {any} */ body) => {
        const text = JSON.stringify(body);
        if (text !== last.current.body) last.current = { body: text, key: randomKey() };
        return last.current.key;
    };
}

/** `crypto.randomUUID` requires HTTPS or localhost. */
const randomKey = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16).padStart(8, "0")).join("");

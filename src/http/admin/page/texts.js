/** All English texts of the page, by view. The other files contain none. */

const integer = new Intl.NumberFormat("en");

/** @param {number} count @param {string} one @param {string} [many] */
const counted = (count, one, many = `${one}s`) => `${integer.format(count)} ${count === 1 ? one : many}`;

export const texts = {
    app: {
        name: "Roster",
        documentTitle: (/** @type {string} */ title) => `${title} · Roster`,
        skip: "Skip to the content",
        menu: "Menu",
        navigation: "Main",
        tenant: "Tenant",
        unnamedKey: (/** @type {string} */ type) => (type === "admin" ? "The server's admin key" : "A key without a name"),
        role: (/** @type {string} */ role) => `Role: ${role}`,
        notFound: "Page not found",
        notFoundHint: "There is no page at this address.",
        toOverview: "Go to the overview",
        forbidden: "Not permitted",
        forbiddenHint: (/** @type {string} */ role) => `This page requires a key with the role ${role}.`,
    },

    common: {
        cancel: "Cancel",
        close: "Close",
        columns: "Columns",
        copied: "Copied.",
        copy: "Copy",
        integer: (/** @type {number} */ value) => integer.format(value),
        loadMore: "Load more",
        no: "No",
        shown: (/** @type {number} */ count, /** @type {number | null} */ total, /** @type {boolean} */ more) =>
            more ? `Showing the first ${integer.format(count)}${total === null ? "" : ` of ${integer.format(total)}`}.` : `Showing all ${integer.format(count)}.`,
        tryAgain: "Try again",
        typeToConfirm: (/** @type {string} */ name) => `Type “${name}” to confirm`,
        yes: "Yes",
    },

    errors: {
        network: "The server cannot be reached. Check your connection and try again.",
        unexpected: (/** @type {number} */ status) => `The server sent an unexpected response with status ${status}.`,
        requestId: "Request id:",
        copyRequestId: "Copy the request id",
    },

    shortcuts: {
        title: "Keyboard shortcuts",
        list: [
            ["/", "Go to the search"],
            ["Esc", "Clear the search, or close a dialog or menu"],
            ["?", "Show this list"],
        ],
    },

    signIn: {
        title: "Sign in to Roster",
        lead: "Paste a key of the API. Its role decides what you can see and change.",
        key: "Key",
        keyHint: "It looks like rst_… and is sent only to this server.",
        keep: "Keep me signed in until this tab is closed",
        keepHint: "Otherwise the key is forgotten when the page is reloaded.",
        submit: "Sign in",
        signOut: "Sign out",
        expiredTitle: "Sign in again",
        expiredLead: "The key has expired or was revoked. Nothing you have entered is lost: sign in to continue.",
    },

    overview: {
        title: "Overview",
    },

    users: {
        title: "Users",
    },
};

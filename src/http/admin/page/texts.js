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
        unnamedKey: (/** @type {string} */ type) => (type === "admin" ? "Admin key" : "A key without a name"),
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
        shown(/** @type {number} */ count, /** @type {number | null} */ total, /** @type {boolean} */ more) {
            if (!more) return `Showing all ${integer.format(count)}.`;
            return `Showing the first ${integer.format(count)}${total === null ? "" : ` of ${integer.format(total)}`}.`;
        },
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

    /** Who made a change, by the type of the actor. */
    actors: /** @type {Record<string, string>} */ ({
        admin: "Admin key",
        cli: "Command line",
        connection: "Connection",
        key: "Key",
    }),

    attributes: {
        absent: "not set",
        after: "After:",
        before: "Before:",
        primary: "primary",
        /** In the order in which attributes are shown. @type {Record<string, string>} */
        labels: {
            userName: "userName",
            active: "Status",
            displayName: "Display name",
            "name.givenName": "Given name",
            "name.middleName": "Middle name",
            "name.familyName": "Family name",
            "name.honorificPrefix": "Honorific prefix",
            "name.honorificSuffix": "Honorific suffix",
            "name.formatted": "Formatted name",
            nickName: "Nickname",
            emails: "E-mail addresses",
            phoneNumbers: "Phone numbers",
            ims: "Instant messaging",
            addresses: "Addresses",
            title: "Title",
            userType: "User type",
            "enterprise.employeeNumber": "Employee number",
            "enterprise.manager": "Manager",
            "enterprise.department": "Department",
            "enterprise.division": "Division",
            "enterprise.organization": "Organization",
            "enterprise.costCenter": "Cost center",
            preferredLanguage: "Preferred language",
            locale: "Locale",
            timezone: "Time zone",
            profileUrl: "Profile URL",
            photos: "Photos",
            roles: "Roles",
            entitlements: "Entitlements",
            x509Certificates: "X.509 certificates",
        },
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

    filter: {
        label: "Filter",
        placeholder: 'title eq "Engineer" and not (active eq true)',
        hint: "Press Enter to apply the filter. The arrow keys choose a suggestion.",
        invalid: {
            title: "The filter is not valid.",
            hint: "Correct it where it is underlined.",
        },
        suggestions: "Suggestions",
        meanings: /** @type {Record<string, string>} */ ({
            eq: "equals",
            ne: "does not equal",
            sw: "starts with",
            co: "contains",
            ew: "ends with",
            pr: "has a value",
            gt: "is greater than",
            ge: "is at least",
            lt: "is less than",
            le: "is at most",
            and: "both are true",
            or: "one is true",
            not: "the opposite of what is in brackets",
        }),
    },

    overview: {
        title: "Overview",
        version: (/** @type {string} */ version) => `Roster ${version}`,
        groups: "Groups",
        lastHour: "Changes, last hour",
        lastDay: "Changes, last 24 hours",
        connections: "Connections",
        connection: "Connection",
        health: "Health",
        lastRequest: "Last request",
        noConnections: "There are no connections.",
        noConnectionsHint: "A connection lets an identity provider such as Okta or Entra ID manage the users of this tenant.",
        held: "Held by its brake",
        errors: (/** @type {number} */ count) => `${counted(count, "rejected request")} in the last hour`,
        noRequests: "No requests yet",
        dry: "Dry mode: writes are rolled back",
        healthy: "Healthy",
    },

    users: {
        title: "Users",
        search: "Search by name, userName, e-mail, externalId or id",
        name: "Name",
        userName: "userName",
        email: "E-mail",
        status: "Status",
        active: "Active",
        inactive: "Deactivated",
        jobTitle: "Title",
        department: "Department",
        employeeNumber: "Employee number",
        externalId: "externalId",
        created: "Created",
        updated: "Updated",
        id: "Id",
        none: {
            title: "There are no users yet.",
            hint: "Create users with the API, import a file, or connect an identity provider.",
        },
        noMatch: (/** @type {string} */ search) => ({
            title: `No user matches “${search}”.`,
            hint: "Try a part of the name, the beginning of the e-mail address, or a filter.",
        }),
        noFilterMatch: {
            title: "No user matches the filter.",
            hint: "Check the values of the filter, or clear it to see all users.",
        },
    },

    groups: {
        title: "Groups",
        search: "Search by name, externalId or id",
        create: "New group",
        name: "Name",
        members: "Members",
        externalId: "externalId",
        created: "Created",
        updated: "Updated",
        id: "Id",
        none: {
            title: "There are no groups yet.",
            hint: "Create a group here or with the API, or connect an identity provider.",
        },
        noMatch: (/** @type {string} */ search) => ({
            title: `No group matches “${search}”.`,
            hint: "Try a part of the name, the whole externalId, or a filter.",
        }),
        noFilterMatch: {
            title: "No group matches the filter.",
            hint: "Check the values of the filter, or clear it to see all groups.",
        },
    },
};

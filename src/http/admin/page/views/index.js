/**
 * The views of the page, in the order of the navigation: one line each. A view is a module whose default export is a
 * component. It receives the parameters of its path as props.
 *
 * @typedef {object} View
 * @property {string} path
 * @property {string} [nav] The entry in the navigation. Views without one are reached by links.
 * @property {string} [icon] The name of the icon of this entry.
 * @property {import("../session.js").Role} role The role that the view requires.
 * @property {() => Promise<{ default: (props: any) => unknown }>} load
 */
import { texts } from "../texts.js";

/** @type {View[]} */
export const views = [
    { path: "/", nav: texts.overview.title, icon: "overview", role: "reader", load: () => import("./overview.js") },
    { path: "/users", nav: texts.users.title, icon: "user", role: "reader", load: () => import("./users.js") },
    { path: "/users/new", role: "writer", load: () => import("./user-create.js") },
    { path: "/users/:id", role: "reader", load: () => import("./user.js") },
    { path: "/groups", nav: texts.groups.title, icon: "group", role: "reader", load: () => import("./groups.js") },
    { path: "/groups/:id", role: "reader", load: () => import("./group.js") },
    { path: "/connections", nav: texts.connections.title, icon: "connection", role: "admin", load: () => import("./connections.js") },
    { path: "/connections/:id", role: "admin", load: () => import("./connection.js") },
    { path: "/changes", nav: texts.changes.title, icon: "changes", role: "reader", load: () => import("./changes.js") },
    { path: "/revert", role: "admin", load: () => import("./revert.js") },
    { path: "/keys", nav: texts.keys.title, icon: "key", role: "admin", load: () => import("./keys.js") },
    { path: "/tenants", nav: texts.tenants.title, icon: "tenant", role: "operator", load: () => import("./tenants.js") },
    { path: "/import", nav: texts.import.title, icon: "import", role: "admin", load: () => import("./import.js") },
    { path: "/export", nav: texts.export.title, icon: "export", role: "reader", load: () => import("./export.js") },
];

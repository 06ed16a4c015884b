import { html } from "../vendor/htm-preact.js";

const full = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
const dateOnly = new Intl.DateTimeFormat("en", { dateStyle: "medium" });
const precise = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];

/**
 * A time in the reader's zone, with UTC on hover.
 * @param {{ value: string | null | undefined, form?: "short" | "precise" | "relative" | "date" }} props
 */
export function Time({ value, form = "short" }) {
    if (!value) return "—";
    const date = new Date(value);
    const utc = date.toISOString().replace("T", " ").replace(/\.000Z|Z/, " UTC");
    return html`<time datetime=${value} title=${utc}>${formatted(date, form)}</time>`;
}

/** @param {Date} date @param {string} form */
function formatted(date, form) {
    if (form === "precise") return precise.format(date);
    if (form === "date") return dateOnly.format(date);
    return form === "relative" ? ago(date) : full.format(date);
}

/** @param {Date} date */
function ago(date) {
    const seconds = (date.getTime() - Date.now()) / 1000;
    const [unit, size] = UNITS.find(([, unitSize]) => Math.abs(seconds) >= unitSize) ?? ["second", 1];
    return Math.abs(seconds) > 30 * 86_400 ? dateOnly.format(date) : relative.format(Math.round(seconds / size), unit);
}

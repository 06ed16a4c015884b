/** Files that the page makes. */

/** How long the browser may take to begin a download. */
const BEGUN_MS = 60_000;

/** Saves a file as a download. @param {Blob} blob @param {string} name */
export function download(blob, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), BEGUN_MS);
}

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"];

/** A size such as "1.5 MB". @param {number} bytes */
export function sizeOf(bytes) {
    const unit = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), UNITS.length - 1);
    /** @type {Intl.NumberFormatOptions} */
    const format = { style: "unit", unit: UNITS[unit], unitDisplay: unit ? "short" : "long", maximumFractionDigits: unit ? 1 : 0 };
    return new Intl.NumberFormat("en", format).format(bytes / 1000 ** unit);
}

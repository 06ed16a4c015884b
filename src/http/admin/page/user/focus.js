/** Moves the focus to the heading of the view, after an action that removes its own button. */
export const focusHeading = () => document.querySelector("h1")?.focus({ preventScroll: true });

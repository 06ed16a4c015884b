// The types of htm-preact.js, for the type check in tests/clients/browser. Written by hand; not served.
export { h, render, Component, createContext } from "preact";
export * from "preact/hooks";

/** The values in a template are not checked: TypeScript does not understand it. */
export function html(strings: TemplateStringsArray, ...values: unknown[]): any;

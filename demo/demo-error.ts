/** What the demo cannot go on after. */
export class DemoError extends Error {}

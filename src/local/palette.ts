import { styleText } from 'node:util';

export type Paint = (style: Parameters<typeof styleText>[0], text: string) => string;

/** Colours when `stream` is a terminal, unless NO_COLOR is set. */
export function paletteOf(stream: { readonly isTTY?: boolean }, noColor: string | undefined): Paint {
  const colours = stream.isTTY === true && (noColor === undefined || noColor === '');
  return colours ? (style, text) => styleText(style, text, { validateStream: false }) : (_, text) => text;
}

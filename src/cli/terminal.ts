import { createInterface } from 'node:readline/promises';
import { styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];
export type Paint = (style: Style, text: string) => string;

/** Where a command speaks. */
export interface Terminal {
  /** Standard output: values and tables, nothing else. Resolves when it is taken. */
  out(bytes: Uint8Array | string): Promise<void>;
  /** A line on standard error. */
  say(line: string): void;
  /** Whoever read standard output has gone. */
  readonly unread: boolean;
  /** Standard output is a terminal. */
  readonly interactive: boolean;
  paint(style: Style, text: string): string;
  /** A line that someone types; undefined where nobody can be asked, or nothing more comes. */
  ask(question: string): Promise<string | undefined>;
}

/** Colours on a terminal, unless NO_COLOR says otherwise. */
function coloursWanted(stream: { readonly isTTY?: boolean }, noColor: string | undefined): boolean {
  return stream.isTTY === true && (noColor === undefined || noColor === '');
}

export function processTerminal(): Terminal {
  const { stdout, stderr } = process;
  const colours = coloursWanted(stdout, process.env['NO_COLOR']);
  // A reader that has gone (`| head`, a dead supervisor) is no error of the command.
  stdout.on('error', () => {});
  stderr.on('error', () => {});
  return {
    out: (bytes) => new Promise((resolve) => stdout.write(bytes, () => resolve())),
    say: (line) => void stderr.write(`${line}\n`),
    get unread() {
      return stdout.destroyed || stdout.errored !== null;
    },
    interactive: stdout.isTTY === true,
    ask,
    paint: (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text),
  };
}

async function ask(question: string): Promise<string | undefined> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) return undefined;
  const lines = createInterface({ input: stdin, output: stderr });
  try {
    const ended = new Promise<undefined>((resolve) => lines.once('close', () => resolve(undefined)));
    return await Promise.race([lines.question(question), ended]);
  } finally {
    lines.close();
  }
}

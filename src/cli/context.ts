import type { Runtime } from '../runtime/runtime.js';
import type { Environment } from '../server/config/environment.js';
import type { ExitCode } from './exit-codes.js';
import type { Terminal } from './terminal.js';

/** What a command is given from the process around it. */
export interface CliContext {
  readonly terminal: Terminal;
  readonly environment: Environment;
  readonly runtime: Runtime;
  /** From the call on, signals no longer end the process: the promise resolves with the reason to stop. */
  untilStopped(): Promise<string>;
}

/** A command's end: what it has to say is said. */
export type Command<Options> = (options: Options, context: CliContext) => Promise<ExitCode>;

/** Ends a command with one paragraph on standard error and no stack. */
export class CommandError extends Error {
  constructor(
    message: string,
    readonly exitCode: ExitCode,
  ) {
    super(message);
  }
}

#!/usr/bin/env node
import { silentLogger } from '../runtime/runtime.js';
import { packageVersion } from '../runtime/system/package-version.js';
import { createSystemRuntime } from '../runtime/system/runtime.js';
import { stayAlive } from '../runtime/system/stay-alive.js';
import { runCommandLine } from './program.js';
import { processTerminal } from './terminal.js';

/** A supervisor holds the other end of the IPC channel: when it is gone, however it went, so must we be. */
const untilStopped = (): Promise<string> =>
  new Promise((resolve) => {
    process.once('SIGTERM', () => resolve('SIGTERM'));
    process.once('SIGINT', () => resolve('SIGINT'));
    process.once('disconnect', () => resolve('the supervisor is gone'));
  });

const context = {
  terminal: processTerminal(),
  environment: process.env,
  runtime: createSystemRuntime(silentLogger),
  untilStopped,
};
// A command may wait without a connection that would keep the process.
stayAlive();
const exitCode = await runCommandLine(process.argv.slice(2), context, await packageVersion());
process.exit(exitCode);

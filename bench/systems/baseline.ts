import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ServerProcess } from './server-process.js';
import type { System } from './system.js';
import type { Undo } from '../run/undo.js';

const program = fileURLToPath(new URL('../baseline/main.js', import.meta.url));

export interface BaselineOptions {
  /** For its log. */
  readonly directory: string;
  /** Where it listens, on a port that it chooses. */
  readonly host: string;
  /** In front of it, so that it runs in its region. */
  readonly command: readonly string[];
  readonly undo: Undo;
}

export async function startBaseline({ directory, host, command, undo }: BaselineOptions): Promise<System> {
  const server = new ServerProcess({
    name: 'the bare fastify',
    command: [...command, process.execPath, program, host],
    logFile: join(directory, 'fastify.log'),
    ipc: true,
  });
  undo.add(() => server.stop());
  const port = await server.message<number>();
  return {
    version: `fastify ${versionOf('fastify')}`,
    address: () => `${host}:${port}`,
    pids: new Map([['fastify', server.pid]]),
  };
}

function versionOf(packageName: string): string {
  const entry = createRequire(import.meta.url).resolve(packageName);
  const file = readFileSync(join(dirname(entry), 'package.json'), 'utf8');
  return (JSON.parse(file) as { version: string }).version;
}

import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/local/package-root.js';
import { packageVersion } from '../../src/runtime/system/package-version.js';
import { regionNames } from '../model.js';
import { hostOf } from '../wan/emulator.js';
import { ServerProcess } from './server-process.js';
import type { Place, System } from './system.js';

const run = promisify(execFile);
const program = join(packageRoot, 'dist/src/cli/main.js');

/** A node per region in its namespace, with the configuration of regions/ at the namespaces' addresses. */
export async function startMeridian({ directory, commandIn, undo }: Place): Promise<System> {
  const configuration = join(directory, 'regions');
  const ports = await writeConfiguration(configuration);
  const clusterFile = join(configuration, 'cluster.yaml');
  const nodes: ServerProcess[] = [];
  for (const [i, region] of regionNames.entries()) {
    const command = (word: string): string[] => {
      const meridian = [process.execPath, program, word, '--cluster', clusterFile, '--node', region];
      return [...commandIn(i + 1), ...meridian];
    };
    const environment = { MERIDIAN_DATA_DIRECTORY: join(directory, region) };
    const [first, ...rest] = command('init');
    await run(first!, rest, { env: { ...process.env, ...environment } });
    const node = new ServerProcess({
      name: region,
      command: [...command('start'), '--insecure'],
      logFile: join(directory, `${region}.log`),
      environment,
      ipc: true,
    });
    undo.add(() => node.stop());
    nodes.push(node);
  }
  await Promise.all(nodes.map((node) => node.message()));
  return {
    version: `Meridian ${await packageVersion()}`,
    address: (protocol, region) => {
      const i = regionNames.indexOf(region);
      return `${hostOf(i + 1)}:${protocol === 'http' ? ports[i]!.http : ports[i]!.grpc}`;
    },
    pids: new Map(nodes.map(({ pid }, i) => [regionNames[i]!, pid])),
  };
}

interface Ports {
  readonly http: number;
  readonly grpc: number;
}

/** Ports in regions/ end in the number of their region, 1 to 3, which is also its host. */
async function writeConfiguration(directory: string): Promise<Ports[]> {
  await mkdir(directory, { recursive: true });
  for (const name of ['cluster', ...regionNames]) {
    const text = await readFile(join(packageRoot, 'regions', `${name}.yaml`), 'utf8');
    const placed = text.replaceAll(
      /127\.0\.0\.1:(\d{3})(\d)/g,
      (_, tens: string, n: string) => `${hostOf(Number(n))}:${tens}${n}`,
    );
    await writeFile(join(directory, `${name}.yaml`), placed);
  }
  return regionNames.map((_, i) => ({ http: 8101 + i, grpc: 9101 + i }));
}

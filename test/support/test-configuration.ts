import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '../../src/server/config/environment.js';
import { loadConfiguration, type Configuration } from '../../src/server/config/load.js';
import { formatProblem, type Checked } from '../../src/server/config/problem.js';

export const clusterText = `name: local
regions:
  east: { nodes: [{ id: east-1, http: '127.0.0.1:1', peer: '127.0.0.1:2' }] }
  west: { nodes: [{ id: west-1, http: '127.0.0.1:3', peer: '127.0.0.1:4' }] }
keyspaces: { default: { home: east } }
`;
export const nodeText = `id: east-1
region: east
http: { listen: '127.0.0.1:1' }
peer: { listen: '127.0.0.1:2' }
dataDirectory: data/east
`;

export interface GivenFiles {
  /** Of the node; default `nodeText`. */
  readonly file?: string;
  /** Default `clusterText`. */
  readonly clusterFile?: string;
  readonly environment?: Environment;
  readonly insecure?: boolean;
  /** The node; default east-1. */
  readonly start?: string;
}

/** Configuration files in a folder of their own. */
export class TestConfiguration {
  static async create(): Promise<TestConfiguration> {
    return new TestConfiguration(await mkdtemp(join(tmpdir(), 'meridian-config-')));
  }

  private constructor(readonly directory: string) {}

  async load(given: GivenFiles): Promise<Checked<Configuration>> {
    const { file = nodeText, clusterFile = clusterText, environment = {}, insecure = false } = given;
    const path = join(this.directory, 'cluster.yaml');
    await writeFile(path, clusterFile);
    await writeFile(join(this.directory, 'east.yaml'), file);
    return loadConfiguration({ clusterFile: path, node: given.start ?? 'east-1', environment, insecure });
  }

  /** What is said of them, without the folder; empty when nothing is wrong. */
  async told(given: GivenFiles): Promise<string> {
    const loaded = await this.load(given);
    const said = loaded.ok ? [] : loaded.problems.map(formatProblem);
    return said.join('\n').replaceAll(`${this.directory}/`, '');
  }

  async accepted(given: GivenFiles): Promise<Configuration> {
    const loaded = await this.load(given);
    if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join('\n'));
    return loaded.value;
  }

  remove(): Promise<void> {
    return rm(this.directory, { recursive: true, force: true });
  }
}

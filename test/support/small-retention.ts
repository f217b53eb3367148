import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LocalClusterOptions } from '../../src/local/cluster.js';
import { startTestCluster, temporaryDirectory, type TestCluster } from './cluster.js';

const nodes = ['us-east', 'eu-west', 'ap-south'];

/** The three regions, keeping one MiB of entries: who misses more takes a snapshot. */
export async function startForgetfulCluster(
  options: Partial<LocalClusterOptions> = {},
): Promise<TestCluster> {
  const regions = await temporaryDirectory();
  for (const node of nodes) await cp(`regions/${node}.yaml`, join(regions.path, `${node}.yaml`));
  const text = await readFile('regions/cluster.yaml', 'utf8');
  await writeFile(
    join(regions.path, 'cluster.yaml'),
    `${text}\nretention: { entriesMiB: 1, entriesMiBMin: 0 }\n`,
  );
  try {
    const cluster = await startTestCluster({ ...options, regionsDirectory: regions.path });
    const discard = async (): Promise<void> => {
      await cluster.discard();
      await regions.remove();
    };
    return { ...cluster, discard };
  } catch (error) {
    await regions.remove();
    throw error;
  }
}

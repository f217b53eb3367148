import { expect, it } from 'vitest';
import { keyFromText } from '../../src/model/keys.js';
import { keyspaceNames, World } from './world/world.js';
import { lost } from './world/sim-node.js';

async function oneCommitEach(world: World): Promise<string[][]> {
  await world.start();
  for (const node of world.nodes) {
    for (const name of keyspaceNames) {
      const answer = await node.call((running) =>
        running.keyspace(name)!.transact({
          id: undefined,
          mayBeRetry: false,
          isolation: 'serializable',
          reads: [],
          checks: [],
          mutations: [{ kind: 'sum', key: keyFromText('commits'), operand: 1n, ttlMs: undefined }],
          content: [],
          causal: false,
          token: undefined,
          timeoutMs: 5000,
        }),
      );
      if (answer === lost || !answer.ok) throw new Error(answer === lost ? 'lost' : answer.failure.message);
    }
  }
  await world.delay(1000);
  const hashes = keyspaceNames.map((name) =>
    world.nodes.map((node) => node.running!.keyspace(name)!.stateHash()),
  );
  return Promise.all(
    hashes.map(async (ofNodes) =>
      (await Promise.all(ofNodes)).map((one) => (one.ok ? one.value.hash : one.failure.code)),
    ),
  );
}

it.each([
  ['at their homes', false],
  ['in etcd, some of them', true],
])(
  'brings commits from every region to one state of each keyspace in every region, with logs %s',
  async (_, wantsEtcd) => {
    const world = new World(1, { wantsEtcd });
    expect(world.shared.size > 0).toBe(wantsEtcd);
    let hashes: string[][] = [];
    await world.run(async () => {
      hashes = await oneCommitEach(world);
    });
    world.end();
    expect(hashes).toHaveLength(3);
    for (const ofNodes of hashes) expect(new Set(ofNodes).size).toBe(1);
  },
);

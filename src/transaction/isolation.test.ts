import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InProcessCluster } from '../../test/support/in-process-cluster.js';
import { add, causal, failureOf, key, oneShot, put, textOf, valueOf } from '../../test/support/requests.js';
import { keyFromBytes, type Key } from '../model/keys.js';
import type { Isolation } from '../model/write-set.js';
import type { InteractiveTransaction, MutationRequest } from './service.js';

let cluster: InProcessCluster;
beforeAll(async () => {
  cluster = await InProcessCluster.start();
});
afterAll(() => cluster.stop());

async function begin(node: string, isolation: Isolation): Promise<InteractiveTransaction> {
  return valueOf(await cluster.keyspace(node).begin({ ...causal, isolation, idleTimeoutMs: undefined }));
}

/** Both at once; the codes of their answers, `committed` for a success. */
async function commitBoth(a: [string, InteractiveTransaction], b: [string, InteractiveTransaction]) {
  const results = await Promise.all([a, b].map(([node, { id }]) => cluster.keyspace(node).commit(id)));
  return results.map((result) => (result.ok ? 'committed' : result.failure.code)).sort();
}

async function write(node: string, ...mutations: MutationRequest[]): Promise<void> {
  valueOf(await cluster.keyspace(node).transact(oneShot({ mutations })));
}

async function valueAt(node: string, text: string): Promise<string | undefined> {
  return textOf(valueOf(await cluster.keyspace(node).read([key(text)], causal)).values[0]);
}

const nodes: [string, string, string][] = [
  ['of two regions', 'east', 'west'],
  ['of the home and another region', 'home', 'west'],
  ['of one node', 'east', 'east'],
];

describe.each(nodes)('two transactions %s', (where, one, other) => {
  const name = (text: string): string => `${where} ${text}`;

  async function skew(isolation: Isolation): Promise<string[]> {
    const [x, y] = [name(`x ${isolation}`), name(`y ${isolation}`)];
    await write('home', put(x, '1'), put(y, '1'));
    const [a, b] = [await begin(one, isolation), await begin(other, isolation)];
    for (const transaction of [a, b]) for (const text of [x, y]) valueOf(await transaction.get(key(text)));
    valueOf(await a.mutate(put(x, '0')));
    valueOf(await b.mutate(put(y, '0')));
    return commitBoth([one, a], [other, b]);
  }

  it('that read what the other writes: exactly one commits under serializable', async () => {
    const [loser, winner] = await skew('serializable');
    expect(winner).toBe('committed');
    expect(['CERTIFICATION_CONFLICT', 'TRANSACTION_ABORTED']).toContain(loser);
  });

  it('that read what the other writes: both commit under snapshot', async () => {
    expect(await skew('snapshot')).toEqual(['committed', 'committed']);
  });

  it.each(['serializable', 'snapshot'] as const)(
    'that add to what they read lose nothing under %s',
    async (isolation) => {
      const text = name(`count ${isolation}`);
      await write('home', put(text, '10'));
      const [a, b] = [await begin(one, isolation), await begin(other, isolation)];
      for (const transaction of [a, b]) {
        const read = Number(textOf(valueOf(await transaction.get(key(text)))));
        valueOf(await transaction.mutate(put(text, String(read + 1))));
      }
      const [loser, winner] = await commitBoth([one, a], [other, b]);
      expect(winner).toBe('committed');
      expect(['CERTIFICATION_CONFLICT', 'TRANSACTION_ABORTED']).toContain(loser);
      expect(await valueAt('east', text)).toBe('11');
    },
  );

  it('that insert into a range that both have read: one commits, in binary order too', async () => {
    const prefix = keyFromBytes(Buffer.from(name('r/')));
    // U+FFFD is EF BF BD and U+10000 is F0 90 80 80: in JavaScript's order of strings they stand the other way round.
    const range = { start: (prefix + key('\uFFFD')) as Key, end: (prefix + key('\u{10FFFF}')) as Key };
    const [a, b] = [await begin(one, 'serializable'), await begin(other, 'serializable')];
    const page = { limit: 10, reverse: false };
    for (const transaction of [a, b])
      expect(valueOf(await transaction.list(range, page)).entries).toEqual([]);
    const bytes = Buffer.from('new');
    const at = (text: string): MutationRequest => ({
      ...{ kind: 'set', key: (prefix + key(text)) as Key, bytes, contentType: '', ttlMs: undefined },
    });
    valueOf(await a.mutate(at('\u{10000}')));
    valueOf(await b.mutate(at('\u{1F600}')));
    const [loser, winner] = await commitBoth([one, a], [other, b]);
    expect(winner).toBe('committed');
    expect(['CERTIFICATION_CONFLICT', 'TRANSACTION_ABORTED']).toContain(loser);
  });
});

describe('what was read', () => {
  it('of a page that ended early counts as far as it was scanned', async () => {
    await write('home', put('p1'), put('p2'), put('p5'));
    const range = { start: key('p'), end: key('q') };
    const inside = await begin('east', 'serializable');
    const beyond = await begin('east', 'serializable');
    for (const t of [inside, beyond]) {
      expect(valueOf(await t.list(range, { limit: 2, reverse: false })).entries).toHaveLength(2);
    }
    await write('west', put('p3'));
    valueOf(await beyond.mutate(put('done')));
    valueOf(await cluster.keyspace('east').commit(beyond.id));
    await write('west', put('p15'));
    valueOf(await inside.mutate(put('done')));
    const failure = failureOf(await cluster.keyspace('east').commit(inside.id));
    expect(['CERTIFICATION_CONFLICT', 'TRANSACTION_ABORTED']).toContain(failure.code);
  });

  it('makes an atomic mutation of the key a plain one: two that read and add do not both commit', async () => {
    await write('home', add('hot'));
    const [a, b] = [await begin('east', 'serializable'), await begin('west', 'serializable')];
    for (const t of [a, b]) {
      valueOf(await t.mutate(add('hot')));
      valueOf(await t.get(key('hot')));
    }
    expect(await commitBoth(['east', a], ['west', b])).toContain('committed');
    expect(await valueAt('home', 'hot')).toBe('2');
  });

  it('is nothing for blind atomic mutations: all commit, and COMMIT returns the new value', async () => {
    const adding = Array.from({ length: 30 }, (_, n) =>
      cluster.keyspace(['home', 'east', 'west'][n % 3]!).transact(oneShot({ mutations: [add('blind')] })),
    );
    const values = (await Promise.all(adding)).map((result) => Number(valueOf(result).results[0]));
    expect(values.sort((x, y) => x - y)).toEqual(Array.from({ length: 30 }, (_, n) => n + 1));
  });

  it('by a one-shot is certified with what it writes', async () => {
    await write('home', put('one-shot', '0'));
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, n) => {
        const reads = [{ kind: 'key', key: key('one-shot') }] as const;
        const request = oneShot({ reads, mutations: [put('one-shot', `${n}`)] });
        return cluster.keyspace(n % 2 === 0 ? 'east' : 'west').transact(request);
      }),
    );
    const committed = results.filter((result) => result.ok);
    const versions = committed.map((result) => valueOf(result).reads[0]);
    const read = versions.map((answer) => (answer?.kind === 'key' ? answer.value?.version : undefined));
    expect(new Set(read).size).toBe(committed.length);
    for (const result of results) if (!result.ok) expect(result.failure.code).toBe('CERTIFICATION_CONFLICT');
  });
});

it('every region ends with the same state', async () => {
  expect(await cluster.stateHashes()).toHaveLength(1);
});

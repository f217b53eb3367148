import { beforeEach, describe, expect, it } from 'vitest';
import { ClientWorld, rejection } from '../../test/support/client-world.js';
import { committed, gtidOf, type ScriptedNode } from '../../test/support/scripted-node.js';
import { Causality } from './causality.js';
import type { Client } from './client.js';
import { HistoryMismatchError } from './errors.js';

const other = 'ffffffff-0000-4000-8000-000000000001:99';

describe('the tokens of a client', () => {
  it('only rise, per keyspace', () => {
    const causality = new Causality();
    for (const seqno of [3, 9, 7, 10]) causality.note('a', gtidOf(seqno));
    causality.note('b', gtidOf(2));
    expect(causality.export()).toEqual({ a: gtidOf(10), b: gtidOf(2) });
  });

  it('go to another process and raise what it has', () => {
    const there = new Causality();
    there.note('a', gtidOf(5));
    there.import(JSON.parse(JSON.stringify({ a: gtidOf(9), b: gtidOf(1) })) as Record<string, string>);
    there.import({ a: gtidOf(4) });
    expect(there.export()).toEqual({ a: gtidOf(9), b: gtidOf(1) });
    expect(() => there.import({ a: 'nonsense' })).toThrow(TypeError);
  });

  it('stay with their history until they are reset', () => {
    const causality = new Causality();
    causality.note('a', gtidOf(5));
    causality.note('a', other);
    expect(causality.token('a')).toBe(gtidOf(5));
    causality.reset('a');
    causality.note('a', other);
    expect(causality.token('a')).toBe(other);
    causality.reset();
    expect(causality.export()).toEqual({});
  });
});

describe('a client', () => {
  let world: ClientWorld;
  let node: ScriptedNode;
  let client: Client;

  beforeEach(async () => {
    world = new ClientWorld();
    node = world.node('near');
    client = await world.open();
  });

  it('reads at or after what it has written and read', async () => {
    node.answer = (method) => {
      if (method.kind === 'transact') return committed(method.transactionId, 8);
      return { kind: 'read', reply: { gtid: gtidOf(12), values: [undefined] } };
    };
    await world.done(client.set('k', 1));
    await world.done(client.get('k'));
    await world.done(client.keyspace('default').get('k', { causal: true }));
    expect(node.of('read').map(({ method }) => method.freshness)).toMatchObject([
      { causal: false, token: gtidOf(8) },
      { causal: true, token: gtidOf(12) },
    ]);
  });

  it('throws HISTORY_MISMATCH until the app resets what it has seen', async () => {
    client.causality.import({ default: other });
    node.answer = (method) => {
      if (method.kind !== 'read') return undefined;
      if (method.freshness.token === '')
        return { kind: 'read', reply: { gtid: gtidOf(1), values: [undefined] } };
      const failure = {
        code: 'HISTORY_MISMATCH',
        message: '',
        outcome: 'not-committed',
        retry: 'no',
        token: '',
        detailsJson: '{}',
      };
      return { kind: 'failure', failure };
    };
    expect(await world.done(rejection(client.get('k')))).toBeInstanceOf(HistoryMismatchError);
    client.causality.reset('default');
    expect(await world.done(client.get('k'))).toBeUndefined();
    expect(client.causality.token('default')).toBe(gtidOf(1));
  });

  it('asks another node when its own does not become as new in time', async () => {
    const far = world.node('far', { roundTripMs: 80 });
    const both = await world.open({ endpoints: ['near', 'far'] });
    both.causality.import({ default: gtidOf(20) });
    far.answer = () => ({ kind: 'read', reply: { gtid: gtidOf(20), values: [undefined] } });
    const read = both.get('k');
    await world.until(() => node.of('read').length === 1);
    node.of('read')[0]!.fail('CAUSAL_READ_TIMEOUT');
    expect(await world.done(read)).toBeUndefined();
    expect(far.of('read')).toHaveLength(1);
  });
});

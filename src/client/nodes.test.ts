import { beforeEach, describe, expect, it } from 'vitest';
import { ClientWorld, rejection } from '../../test/support/client-world.js';
import type { ScriptedNode } from '../../test/support/scripted-node.js';
import { failureOf, gtidOf } from '../../test/support/scripted-node.js';
import type { ReplyResult } from '../transport/public-api/messages.js';
import { Client } from './client.js';
import type { RegionChange } from './nodes.js';

let world: ClientWorld;

beforeEach(() => {
  world = new ClientWorld();
});

const nothing: ReplyResult = { kind: 'read', reply: { gtid: gtidOf(1), values: [undefined] } };

function three(): readonly [ScriptedNode, ScriptedNode, ScriptedNode] {
  const nodes = [
    world.node('far', { roundTripMs: 190 }),
    world.node('near', { roundTripMs: 3 }),
    world.node('middle', { roundTripMs: 80 }),
  ] as const;
  for (const node of nodes) node.answer = (method) => (method.kind === 'read' ? nothing : undefined);
  return nodes;
}

function changesOf(client: Client): RegionChange[] {
  const changes: RegionChange[] = [];
  client.onRegionChange((change) => changes.push(change));
  return changes;
}

describe('the first choice', () => {
  it('is the nearest by measured round trip, wherever it stands in the list', async () => {
    three();
    const client = await world.open();
    expect(client.region).toBe('near');
    expect(client.endpoint).toBe('near');
  });

  it('does not wait for what is far away', async () => {
    three();
    world.node('very far', { roundTripMs: 3000 });
    const client = await world.open();
    expect(client.region).toBe('near');
    expect(world.time.clock.monotonicMs()).toBeLessThan(400);
    expect(client.endpoints.map(({ usable }) => usable)).toEqual([false, true, true, false]);
  });

  it('is the first of the list among equals', async () => {
    world.node('b', { roundTripMs: 5 });
    world.node('a', { roundTripMs: 5 });
    expect((await world.open({ endpoints: ['b', 'a'] })).region).toBe('b');
    expect((await world.open({ endpoints: ['a', 'b'] })).region).toBe('a');
  });

  it('is made without those that cannot be reached, or that drain', async () => {
    const [, near] = three();
    near.serving = false;
    world.dialler.kill('middle');
    const client = await world.open({ endpoints: ['far', 'near', 'middle', 'nowhere'] });
    expect(client.region).toBe('far');
  });

  it('fails when no node can be reached in time, and says why', async () => {
    const failed = rejection(world.open({ endpoints: ['nowhere'], connectTimeoutMs: 500 }));
    expect(await failed).toMatchObject({
      code: 'NO_NODE_REACHABLE',
      message: expect.stringContaining('nowhere: connection refused') as string,
    });
  });

  it('fails at once when the credentials are refused', async () => {
    for (const endpoint of ['a', 'b']) {
      world.dialler.acceptors.set(endpoint, {
        session: () => {},
        watch: () => {},
        refusal: failureOf('UNAUTHENTICATED'),
      });
    }
    const error = await rejection(world.open({ endpoints: ['a', 'b'] }));
    expect(error).toMatchObject({ code: 'UNAUTHENTICATED', name: 'AccessError' });
    expect(world.time.clock.monotonicMs()).toBeLessThan(1000);
  });

  it('leaves out a node of another cluster', async () => {
    world.node('mine', { roundTripMs: 1 });
    const client = await world.open();
    world.node('other', { roundTripMs: 0, cluster: 'another' });
    const both = await world.open({ endpoints: ['mine', 'other'] });
    expect(client.region).toBe('mine');
    await world.pass(10_000);
    expect(both.endpoints.filter(({ usable }) => usable)).toHaveLength(1);
  });
});

describe('failover', () => {
  it('asks the next nearest at once when the connection breaks, and tells', async () => {
    const [, near, middle] = three();
    const client = await world.open();
    const changes = changesOf(client);
    near.answer = () => undefined;
    const read = client.get('a');
    await world.until(() => near.of('read').length === 1);
    world.dialler.kill('near');
    const brokenMs = world.time.clock.monotonicMs();
    expect(await world.done(read)).toBeUndefined();
    expect(world.time.clock.monotonicMs() - brokenMs).toBeLessThanOrEqual(2);
    expect(middle.of('read')).toHaveLength(1);
    expect(changes).toEqual([{ from: 'near', to: 'middle', endpoint: 'middle' }]);
  });

  it('stays with a node whose answers leave no room for those to pings, while answers come', async () => {
    const [, near] = three();
    near.answer = (method) => (method.kind === 'read' && method.keys[0] !== 'held' ? nothing : undefined);
    const client = await world.open();
    const held = client.get('held', { timeoutMs: 60_000 });
    await world.until(() => near.of('read').length === 1);
    near.answersPings = false;
    for (let passed = 0; passed < 20; passed++) {
      await world.done(client.get('other'));
      await world.pass(1000);
    }
    expect(client.region).toBe('near');
    near.of('read')[0]!.reply(nothing);
    expect(await world.done(held)).toBeUndefined();
    expect(near.of('read').filter(({ method }) => method.keys[0] === 'held')).toHaveLength(1);
  });

  it('leaves a node that answers no ping', async () => {
    const [, near] = three();
    const client = await world.open();
    near.answersPings = false;
    near.answer = () => undefined;
    const read = client.get('a');
    expect(await world.done(read)).toBeUndefined();
    expect(client.region).toBe('middle');
  });

  it('leaves a node that says that it drains, and calls in flight there end', async () => {
    const [, near] = three();
    const client = await world.open();
    near.answer = () => undefined;
    const read = client.get('a');
    near.serving = false;
    await world.until(() => client.region === 'middle');
    near.of('read')[0]!.reply(nothing);
    expect(await world.done(read)).toBeUndefined();
  });

  it('returns home when the nearer node serves again, and not before it has for some rounds', async () => {
    const [, near] = three();
    const client = await world.open();
    const changes = changesOf(client);
    world.dialler.kill('near');
    await world.pass(5000);
    world.dialler.acceptors.set('near', near);
    const backMs = world.time.clock.monotonicMs();
    await world.until(() => client.endpoints[1]!.usable);
    expect(client.region).toBe('middle');
    await world.until(() => client.region === 'near');
    expect(world.time.clock.monotonicMs() - backMs).toBeLessThan(10_000);
    expect(changes.map(({ to }) => to)).toEqual(['middle', 'near']);
  });

  it('waits for a node while none can be reached', async () => {
    const [, near] = three();
    const client = await world.open();
    for (const endpoint of ['near', 'middle', 'far']) world.dialler.kill(endpoint);
    await world.pass(10);
    expect(client.region).toBeUndefined();
    const read = client.get('a');
    await world.pass(3000);
    world.dialler.acceptors.set('near', near);
    expect(await world.done(read)).toBeUndefined();
    expect(client.region).toBe('near');
  });

  it('ends with NO_NODE_REACHABLE when the time ends first', async () => {
    three();
    const client = await world.open();
    for (const endpoint of ['near', 'middle', 'far']) world.dialler.kill(endpoint);
    await world.pass(10);
    const error = await world.done(rejection(client.get('a', { timeoutMs: 1000 })));
    expect(error).toMatchObject({ code: 'NO_NODE_REACHABLE', outcome: 'not-committed' });
  });
});

describe('hysteresis', () => {
  it('stays with its node while others are nearer only now and then, or by little', async () => {
    const [, near, middle] = three();
    const client = await world.open();
    const changes = changesOf(client);
    for (let round = 0; round < 20; round++) {
      near.roundTripMs = round % 2 === 0 ? 3 : 90;
      middle.roundTripMs = round % 2 === 0 ? 80 : 2;
      await world.pass(2000);
    }
    expect(changes).toEqual([]);
    near.roundTripMs = 40;
    middle.roundTripMs = 36;
    await world.pass(40_000);
    expect(changes).toEqual([]);
  });

  it('moves when another has become clearly nearer for some rounds', async () => {
    const [, near, middle] = three();
    const client = await world.open();
    near.roundTripMs = 120;
    middle.roundTripMs = 30;
    await world.until(() => client.region === 'middle');
    expect(client.region).toBe('middle');
  });
});

it('asks elsewhere for the keyspace alone that its node does not serve', async () => {
  const [, near, middle] = three();
  const client = await world.open();
  near.answer = (method) =>
    method.kind !== 'read'
      ? undefined
      : method.keyspace === 'eu'
        ? { kind: 'failure', failure: failureOf('NODE_NOT_READY') }
        : nothing;
  await world.done(client.keyspace('eu').get('a'));
  await world.done(client.keyspace('eu').get('a'));
  await world.done(client.get('a'));
  expect(near.of('read').map(({ method }) => method.keyspace)).toEqual(['eu', 'default']);
  expect(middle.of('read').map(({ method }) => method.keyspace)).toEqual(['eu', 'eu']);
  await world.pass(2100);
  near.answer = () => nothing;
  await world.done(client.keyspace('eu').get('a'));
  expect(near.of('read')).toHaveLength(3);
});

it('takes 1 to 64 endpoints', async () => {
  await expect(Client.open({ endpoints: [] }, world)).rejects.toBeInstanceOf(TypeError);
});

it('a listener of changes that throws keeps neither the client nor other listeners from going on', async () => {
  three();
  const client = await world.open();
  client.onRegionChange(() => {
    throw new Error('of the app');
  });
  const changes = changesOf(client);
  world.dialler.kill('near');
  await world.until(() => client.region === 'middle');
  expect(await world.done(client.get('a'))).toBeUndefined();
  expect(changes.map(({ to }) => to)).toEqual(['middle']);
  expect(world.errors).toEqual(['a listener of onRegionChange threw']);
});

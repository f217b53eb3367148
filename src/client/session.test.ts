import { beforeEach, expect, it } from 'vitest';
import { ClientWorld, rejection } from '../../test/support/client-world.js';
import { gtidOf, type ScriptedNode } from '../../test/support/scripted-node.js';
import { nextTurn } from '../../test/support/turn.js';
import type { ReplyResult } from '../transport/public-api/messages.js';
import type { Client } from './client.js';
import { TimeoutError } from './errors.js';

let world: ClientWorld;
let node: ScriptedNode;
let client: Client;

const nothing: ReplyResult = { kind: 'read', reply: { gtid: gtidOf(1), values: [undefined] } };

beforeEach(async () => {
  world = new ClientWorld();
  node = world.node('near', { callsMax: 12 });
  client = await world.open();
});

it('sends the calls of one turn in one message', async () => {
  node.answer = () => nothing;
  await world.done(Promise.all(['a', 'b', 'c'].map((key) => client.get(key))));
  expect(node.messages).toBe(1);
  expect(node.of('read')).toHaveLength(3);
});

it('gives each call its own answer, in whatever order they come', async () => {
  const both = Promise.all([client.get('a'), client.get('b')]);
  await world.until(() => node.of('read').length === 2);
  const [a, b] = node.of('read');
  const answer = (count: bigint): ReplyResult => {
    const value = { version: 1 as never, value: { kind: 'counter' as const, count }, expiresAtMs: undefined };
    return { kind: 'read', reply: { gtid: gtidOf(1), values: [value] } };
  };
  b!.reply(answer(2n));
  a!.reply(answer(1n));
  expect((await world.done(both)).map((entry) => entry!.value)).toEqual([1n, 2n]);
});

it('lets calls wait that are more than the node takes at a time, in their order', async () => {
  const keys = Array.from({ length: 25 }, (_, i) => `k${i}`);
  const all = Promise.all(keys.map((key) => client.get(key)));
  await world.pass(5);
  expect(node.of('read')).toHaveLength(10);
  for (const { reply } of node.of('read')) reply(nothing);
  await world.pass(5);
  expect(node.of('read')).toHaveLength(20);
  for (const { reply } of node.of('read').slice(10)) reply(nothing);
  await world.pass(5);
  for (const { reply } of node.of('read').slice(20)) reply(nothing);
  await world.done(all);
  expect(node.of('read').map(({ method }) => method.keys[0])).toEqual(keys);
});

it('refuses calls above its own bound without sending them', async () => {
  const waiting = Array.from({ length: 10 + 16_384 }, () => client.get('k'));
  for (const one of waiting) one.catch(() => {});
  const error = await world.done(rejection(client.get('one too many')));
  expect(error).toMatchObject({ code: 'OVERLOADED', outcome: 'not-committed' });
  client.close();
});

it('refuses calls whose bytes are above its own bound without sending them, until others have gone', async () => {
  const abort = new AbortController();
  const { signal } = abort;
  const inFlight = Array.from({ length: 10 }, () => rejection(client.get('k', { signal })));
  await world.until(() => node.of('read').length === 10);
  const value = new Uint8Array(800 * 1024);
  const waiting = Array.from({ length: 81 }, (_, n) => rejection(client.set(`k${n}`, value, { signal })));
  const error = await world.done(rejection(client.set('too much', value)));
  expect(error).toMatchObject({ code: 'OVERLOADED', outcome: 'not-committed' });
  const small = client.get('small');
  await world.pass(1);
  abort.abort(new Error('enough'));
  await Promise.all([...inFlight, ...waiting]);
  await world.until(() => node.of('read').length === 11);
  node.of('read')[10]!.reply(nothing);
  expect(await world.done(small)).toBeUndefined();
  void rejection(client.set('again', value));
  await world.until(() => node.of('transact').length === 1);
});

it('an app may end all its calls with one signal: Node does not take their listeners for a leak', async () => {
  const { signal } = new AbortController();
  const warned: string[] = [];
  const warn = ({ name }: Error): void => void warned.push(name);
  process.on('warning', warn);
  node.answer = () => nothing;
  await world.done(Promise.all(Array.from({ length: 30 }, () => client.get('k', { signal }))));
  await nextTurn();
  process.off('warning', warn);
  expect(warned).toEqual([]);
});

it('ends a call at its time, and tells the node', async () => {
  const started = world.time.clock.monotonicMs();
  const slow = rejection(client.get('a', { timeoutMs: 5000 }));
  const error = await world.done(rejection(client.get('b', { timeoutMs: 200 })));
  expect(error).toBeInstanceOf(TimeoutError);
  expect(world.time.clock.monotonicMs() - started).toBeLessThanOrEqual(202);
  expect(node.cancels).toBe(1);
  expect(await world.done(slow)).toBeInstanceOf(TimeoutError);
});

it('gives the place of an abandoned call to the next one', async () => {
  const abort = new AbortController();
  const abandoned = Array.from({ length: 10 }, () => rejection(client.get('a', { signal: abort.signal })));
  const next = client.get('b');
  await world.pass(5);
  abort.abort(new Error('enough'));
  await Promise.all(abandoned);
  await world.until(() => node.of('read').length === 11);
  node.of('read')[10]!.reply(nothing);
  expect(await world.done(next)).toBeUndefined();
});

it('takes no message apart that is larger than the bound, and sends what fits', async () => {
  node.answer = (method) => (method.kind === 'transact' ? undefined : nothing);
  const large = new Uint8Array(300 * 1024);
  for (const key of ['a', 'b', 'c']) client.set(key, large, { timeoutMs: 1000 }).catch(() => {});
  await world.until(() => node.of('transact').length === 3);
  expect(node.messages).toBe(3);
  client.close();
});

it('refuses what no message could carry, and goes on', async () => {
  node.answer = () => nothing;
  const large = client.atomic();
  for (let i = 0; i < 6; i++) large.set(`k${i}`, new Uint8Array(800 * 1024));
  const error = await world.done(rejection(large.commit()));
  expect(error).toMatchObject({ code: 'TRANSACTION_TOO_LARGE', outcome: 'not-committed' });
  expect(await world.done(client.get('a'))).toBeUndefined();
  expect(node.of('transact')).toHaveLength(0);
});

it('ends calls in flight when it is closed', async () => {
  const read = rejection(client.get('a'));
  const write = rejection(client.set('a', 1));
  await world.until(() => node.calls.length === 2);
  client.close();
  expect(await world.done(read)).toMatchObject({ code: 'CLIENT_CLOSED' });
  expect(await world.done(write)).toMatchObject({ outcome: 'unknown', cause: { code: 'CLIENT_CLOSED' } });
  expect(await rejection(client.get('a'))).toMatchObject({ code: 'CLIENT_CLOSED' });
});

it('leaves a node that sends what is no message', async () => {
  const other = world.node('other', { roundTripMs: 5 });
  const two = await world.open({ endpoints: ['near', 'other'] });
  node.answer = () => undefined;
  other.answer = () => nothing;
  const done = two.get('a');
  await world.until(() => node.of('read').length === 1);
  node.garble();
  expect(await world.done(done)).toBeUndefined();
  expect(other.of('read')).toHaveLength(1);
});

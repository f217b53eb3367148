import { beforeEach, describe, expect, it } from 'vitest';
import { ClientWorld, rejection } from '../../test/support/client-world.js';
import { gtidOf, type ReceivedWatch, type ScriptedNode } from '../../test/support/scripted-node.js';
import type { Key } from '../model/keys.js';
import type { ChangeMessage, CommitEventMessage, ReplyResult } from '../transport/public-api/messages.js';
import type { Client } from './client.js';
import { ChangesTooOldError } from './errors.js';
import type { Watch } from './watch.js';

let world: ClientWorld;
let near: ScriptedNode;
let far: ScriptedNode;
let client: Client;

beforeEach(async () => {
  world = new ClientWorld();
  near = world.node('near');
  far = world.node('far', { roundTripMs: 80 });
  near.answer = far.answer = (method) => (method.kind === 'read' ? snapshotAt(10) : undefined);
  client = await world.open();
});

function snapshotAt(seqno: number): ReplyResult {
  return { kind: 'read', reply: { gtid: gtidOf(seqno), values: [undefined] } };
}

function counted(seqno: number, key = 'n'): CommitEventMessage {
  const value = {
    version: seqno as never,
    value: { kind: 'counter' as const, count: BigInt(seqno) },
    expiresAtMs: undefined,
  };
  return { gtid: gtidOf(seqno), timeMs: 1, changes: [{ kind: 'set', key: key as Key, value }] };
}

const commits = (from: number, to: number): CommitEventMessage[] =>
  Array.from({ length: to - from + 1 }, (_, i) => counted(from + i));

async function stream(node: ScriptedNode, nth = 0): Promise<ReceivedWatch> {
  await world.until(() => node.watches.length > nth);
  return node.watches[nth]!;
}

async function take(watch: Watch, count: number): Promise<number[]> {
  const versions: number[] = [];
  for (let left = count; left > 0; left--) {
    const { value, done } = await world.done(watch.next());
    if (done === true) throw new Error('the watch has ended');
    versions.push(value.version);
  }
  return versions;
}

describe('where a watch begins', () => {
  it('now: at the snapshot of the moment, fixed before the stream', async () => {
    const watch = client.watch({ prefix: 'n' });
    expect(await world.done(watch.ready)).toBe(gtidOf(10));
    expect(watch.position).toBe(gtidOf(10));
    const { request } = await stream(near);
    expect(request).toMatchObject({ keyspace: 'default', from: gtidOf(10), range: { start: 'n', end: 'o' } });
  });

  it('loses nothing when its node fails before the first commit', async () => {
    const watch = client.watch();
    await stream(near);
    world.dialler.kill('near');
    const second = await stream(far);
    expect(second.request.from).toBe(gtidOf(10));
    second.send(gtidOf(12), commits(11, 12));
    expect(await take(watch, 2)).toEqual([11, 12]);
  });

  it('oldest: at the oldest position that the node keeps which is asked first', async () => {
    const watch = client.watch({ from: 'oldest' });
    await stream(near);
    expect(watch.position).toBeUndefined();
    world.dialler.kill('near');
    const second = await stream(far);
    expect([near.watches[0]!.request.from, second.request.from]).toEqual(['oldest', 'oldest']);
    second.send(gtidOf(7));
    expect(await world.done(watch.ready)).toBe(gtidOf(7));
    second.send(gtidOf(9), commits(8, 9));
    expect(await take(watch, 2)).toEqual([8, 9]);
    second.end('INTERNAL');
    expect((await stream(far, 1)).request.from).toBe(gtidOf(9));
    expect(near.of('read')).toHaveLength(0);
  });

  it('nowhere, when it is closed before that is known', async () => {
    const watch = client.watch({ from: 'oldest' });
    await stream(near);
    const ready = rejection(watch.ready);
    watch.close();
    expect(await world.done(ready)).toMatchObject({ code: 'CLIENT_CLOSED' });
  });

  it('a GTID: there, without asking first', async () => {
    const watch = client.watch({ from: gtidOf(3) });
    expect((await stream(near)).request.from).toBe(gtidOf(3));
    expect(near.of('read')).toHaveLength(0);
    expect(watch.position).toBe(gtidOf(3));
    expect(() => client.watch({ from: 'yesterday' })).toThrow(TypeError);
  });
});

it('goes on at another node behind what it has received, without gap or repeat', async () => {
  const watch = client.watch();
  const first = await stream(near);
  first.send(gtidOf(13), commits(11, 13));
  expect(await take(watch, 1)).toEqual([11]);
  await world.pass(2);
  world.dialler.kill('near');
  const second = await stream(far);
  expect(second.request.from).toBe(gtidOf(13));
  second.send(gtidOf(15), commits(12, 15));
  expect(await take(watch, 4)).toEqual([12, 13, 14, 15]);
});

it('what it has shown, reads of its client see', async () => {
  const watch = client.watch();
  (await stream(near)).send(gtidOf(12), commits(11, 12));
  await take(watch, 1);
  expect(client.causality.token('default')).toBe(gtidOf(11));
});

it('moves its position with heartbeats, once what came before is given out', async () => {
  const watch = client.watch();
  const first = await stream(near);
  first.send(gtidOf(12), commits(11, 12));
  first.send(gtidOf(20));
  await world.pass(2);
  expect(watch.position).toBe(gtidOf(10));
  await take(watch, 1);
  expect(watch.position).toBe(gtidOf(11));
  await take(watch, 1);
  expect(watch.position).toBe(gtidOf(20));
  first.send(gtidOf(30));
  await world.pass(2);
  expect(watch.position).toBe(gtidOf(30));
  world.dialler.kill('near');
  expect((await stream(far)).request.from).toBe(gtidOf(30));
});

it('stops reading while its consumer is slow, and gives out all in the end', async () => {
  const watch = client.watch();
  const first = await stream(near);
  for (let sent = 10; sent < 3010; sent += 100) first.send(gtidOf(sent + 100), commits(sent + 1, sent + 100));
  await world.pass(5);
  // Where another stream goes on says how far this one was read.
  world.dialler.kill('near');
  const second = await stream(far);
  const received = Number(second.request.from.slice(37)) - 10;
  expect(received).toBeGreaterThanOrEqual(1024);
  expect(received).toBeLessThan(1300);
  second.send(gtidOf(3010), commits(10 + received + 1, 3010));
  const versions = await take(watch, 3000);
  expect(versions).toEqual(Array.from({ length: 3000 }, (_, i) => 11 + i));
});

it('follows its client to another node, and back', async () => {
  const watch = client.watch();
  await stream(near);
  near.serving = false;
  const second = await stream(far);
  expect(near.watches[0]!.closed).toBe(true);
  near.serving = true;
  const third = await stream(near, 1);
  expect(second.closed).toBe(true);
  third.send(gtidOf(11), commits(11, 11));
  expect(await take(watch, 1)).toEqual([11]);
});

it('leaves a node that sends no heartbeats', async () => {
  client.watch();
  await stream(near);
  await world.until(() => far.watches.length === 1);
  expect(near.watches[0]!.closed).toBe(true);
});

it.each(['NODE_NOT_READY', 'NODE_INCONSISTENT', 'OVERLOADED', 'INTERNAL'])(
  'goes on after %s',
  async (code) => {
    const watch = client.watch();
    (await stream(near)).end(code);
    await world.until(() => near.watches.length + far.watches.length === 2);
    const next = far.watches[0] ?? near.watches[1]!;
    next.send(gtidOf(11), commits(11, 11));
    expect(await take(watch, 1)).toEqual([11]);
  },
);

describe('where a node no longer keeps what comes next', () => {
  const tooOld = (oldest: number) => ({ detailsJson: JSON.stringify({ oldest: gtidOf(oldest) }) });

  it('it goes on at another that does', async () => {
    const watch = client.watch({ from: gtidOf(3) });
    (await stream(near)).end('CHANGES_TOO_OLD', tooOld(8));
    const second = await stream(far);
    expect(second.request.from).toBe(gtidOf(3));
    second.send(gtidOf(4), commits(4, 4));
    expect(await take(watch, 1)).toEqual([4]);
    // Farther on, the first may keep what comes next.
    second.end('CHANGES_TOO_OLD', tooOld(8));
    const third = await stream(near, 1);
    expect(third.request.from).toBe(gtidOf(4));
    third.end('CHANGES_TOO_OLD', tooOld(8));
    expect(await world.done(rejection(watch.next()))).toBeInstanceOf(ChangesTooOldError);
  });

  it('it throws once all were asked, behind what it has received, with the oldest position that any keeps', async () => {
    const watch = client.watch();
    const first = await stream(near);
    first.send(gtidOf(11), commits(11, 11));
    await world.pass(1);
    first.end('CHANGES_TOO_OLD', tooOld(20));
    (await stream(far)).end('CHANGES_TOO_OLD', tooOld(15));
    expect(await take(watch, 1)).toEqual([11]);
    const error = await world.done(rejection(watch.next()));
    expect(error).toBeInstanceOf(ChangesTooOldError);
    expect((error as ChangesTooOldError).oldest).toBe(gtidOf(15));
    expect([near.watches.length, far.watches.length]).toEqual([1, 1]);
  });
});

describe('the end of a watch', () => {
  it('is the end of the loop over it, and of its stream', async () => {
    const watch = client.watch();
    (await stream(near)).send(gtidOf(12), commits(11, 12));
    await world.done(
      (async () => {
        for await (const { version } of watch) if (version === 11) break;
      })(),
    );
    await world.pass(2);
    expect(near.watches[0]!.closed).toBe(true);
    expect(await watch.next()).toEqual({ done: true, value: undefined });
  });

  it("is the signal's reason", async () => {
    const abort = new AbortController();
    const watch = client.watch({ signal: abort.signal });
    await stream(near);
    const next = rejection(watch.next());
    abort.abort(new Error('enough'));
    expect(await world.done(next)).toMatchObject({ message: 'enough' });
  });

  it('is CLIENT_CLOSED when its client is closed', async () => {
    const watch = client.watch();
    await stream(near);
    const next = rejection(watch.next());
    client.close();
    expect(await world.done(next)).toMatchObject({ code: 'CLIENT_CLOSED' });
  });
});

it('gives every kind of change in the words of the client', async () => {
  const watch = client.watch();
  const bytes = Buffer.from('{"a":1}');
  const value = {
    version: 11 as never,
    value: { kind: 'bytes' as const, bytes, contentType: 'application/json' },
    expiresAtMs: 5,
  };
  const changes: ChangeMessage[] = [
    { kind: 'set', key: 'k' as Key, value },
    { kind: 'deleted', key: 'd' as Key },
    { kind: 'deletedRange', range: { start: 'p' as Key, end: 'q' as Key } },
  ];
  (await stream(near)).send(gtidOf(11), [{ gtid: gtidOf(11), timeMs: 7, changes }]);
  const { value: event } = await world.done(watch.next());
  expect(event).toMatchObject({
    gtid: gtidOf(11),
    version: 11,
    timeMs: 7,
    changes: [
      { kind: 'set', key: 'k', value: { a: 1 }, version: 11, expiresAtMs: 5 },
      { kind: 'deleted', key: 'd' },
      { kind: 'deletedRange', start: new Uint8Array([0x70]), end: new Uint8Array([0x71]) },
    ],
  });
  const [, , range] = event!.changes;
  expect(range?.kind === 'deletedRange' && [range.includes('p1'), range.includes('q')]).toEqual([
    true,
    false,
  ]);
});

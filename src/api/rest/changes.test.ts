import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventConnection } from '../../../test/support/event-source.js';
import { eventually } from '../../../test/support/eventually.js';
import type { FakeNode } from '../../../test/support/http-fake-node.js';
import { fakeHistory, otherHistory } from '../../../test/support/http-fake-node.js';
import { HttpHarness } from '../../../test/support/http-harness.js';
import { failure } from '../../model/errors.js';
import { gtid, type Gtid } from '../../model/gtid.js';
import { seqno } from '../../model/ids.js';
import { keyFromBytes, keyFromText, prefixRange, type Key } from '../../model/keys.js';
import type { Value } from '../../model/value.js';
import type { Change, CommitEvent } from '../../transaction/service.js';

let harness: HttpHarness;
let base: string;
const connections: EventConnection[] = [];

const path = '/v1/keyspaces/default/changes';
const at = (value: number): Gtid => gtid(fakeHistory, seqno(value));
const key = keyFromText;

async function listen(options: Parameters<typeof HttpHarness.start>[0] = {}): Promise<void> {
  harness = await HttpHarness.start(options);
  await harness.app.listen({ host: '127.0.0.1', port: 0 });
  base = `http://127.0.0.1:${(harness.app.server.address() as AddressInfo).port}`;
}

beforeEach(() => listen());
afterEach(async () => {
  for (const connection of connections.splice(0)) connection.close();
  await harness.stop();
});

function connect(query = '', headers: Record<string, string> = {}): EventConnection {
  const connection = new EventConnection(`${base}${path}${query}`, headers);
  connections.push(connection);
  return connection;
}

/** A connection that has its first event, and the feed below it. */
async function watching(query = '', headers: Record<string, string> = {}) {
  const connection = connect(query, headers);
  await connection.until(() => connection.events.length > 0);
  return { connection, feed: harness.node.default.feeds.at(-1)! };
}

const commit = (of: number, ...changes: Change[]): CommitEvent => ({
  gtid: at(of),
  timeMs: 1000 + of,
  changes,
});
const bytes = (text: string, contentType = 'application/json'): Value => {
  return { kind: 'bytes', bytes: Buffer.from(text), contentType };
};
const set = (of: string, version: number, value: Value, expiresAtMs?: number): Change => {
  return { kind: 'set', key: key(of), value: { version: seqno(version), value, expiresAtMs } };
};

describe('the stream', () => {
  it('says at once where it stands, in headers that no proxy keeps or holds back', async () => {
    const { connection } = await watching(`?from=${at(7)}`);
    expect(connection.status).toBe(200);
    expect(connection.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'meridian-region': 'us-east',
      'meridian-causality': at(7),
    });
    expect(connection.events).toEqual([
      { type: 'heartbeat', data: JSON.stringify({ gtid: at(7) }), lastEventId: at(7) },
    ]);
    expect(connection.parser.reconnectMs).toBe(1000);
  });

  it('has one event per commit, whose id is the GTID, with keys and values as lists show them', async () => {
    const { connection, feed } = await watching();
    feed.give([
      commit(1, set('a/é', 1, bytes('{"n":12345678901234567890}')), { kind: 'deleted', key: key('b') }),
      commit(
        2,
        set('n', 2, { kind: 'counter', count: 2n ** 60n }, 99),
        set('t', 2, bytes('x', 'text/plain')),
      ),
    ]);
    await connection.until(() => connection.messages.length === 2);
    expect(connection.of('message').map(({ lastEventId }) => lastEventId)).toEqual([at(1), at(2)]);
    expect(connection.of('message')[0]!.data).toContain('{"n":12345678901234567890}');
    expect(connection.messages).toMatchObject([
      {
        gtid: at(1),
        time: 1001,
        changes: [
          { key: 'a/é', version: 1 },
          { key: 'b', deleted: true },
        ],
      },
      {
        gtid: at(2),
        changes: [
          { key: 'n', version: 2, kind: 'counter', value: String(2n ** 60n), expiresAtMs: 99 },
          { key: 't', version: 2, base64: 'eA==', contentType: 'text/plain' },
        ],
      },
    ]);
  });

  it('shows deleted ranges as requests give them, and keys that are no text as base64', async () => {
    const { connection, feed } = await watching();
    const odd = keyFromBytes(Buffer.from([0x61, 0xff]));
    const ranges = [prefixRange(key('a/')), prefixRange(key('')), prefixRange(odd)];
    const bounds = [
      { start: key('a'), end: key('c') },
      { start: odd, end: keyFromBytes(Buffer.from([0x61, 0xff, 0]) as Uint8Array) },
      { start: key('x'), end: undefined },
    ];
    const deleted = [...ranges, ...bounds].map((range) => ({ kind: 'deletedRange' as const, range }));
    feed.give([commit(1, ...deleted, { kind: 'deleted', key: odd })]);
    await connection.until(() => connection.messages.length === 1);
    expect(connection.messages).toMatchObject([
      {
        changes: [
          { deletedRange: { prefix: 'a/' } },
          { deletedRange: { prefix: '' } },
          { deletedRange: { prefixBase64: 'Yf8=' } },
          { deletedRange: { start: 'a', end: 'c' } },
          { deletedRange: { startBase64: 'Yf8=', endBase64: 'Yf8A' } },
          { deletedRange: { start: 'x' } },
          { keyBase64: 'Yf8=', deleted: true },
        ],
      },
    ]);
  });

  it('keeps stored JSON with line breaks in one event', async () => {
    const { connection, feed } = await watching();
    feed.give([commit(1, set('a', 1, bytes('{\r\n "x":\r 1,\n "y": "a\\nb" }')))]);
    await connection.until(() => connection.messages.length === 1);
    expect(connection.messages).toMatchObject([{ changes: [{ value: { x: 1, y: 'a\nb' } }] }]);
  });

  it('gives every value byte for byte when asked to', async () => {
    const { connection, feed } = await watching('?encoding=base64');
    feed.give([commit(1, set('a', 1, bytes('{ }')))]);
    await connection.until(() => connection.messages.length === 1);
    expect(connection.messages).toMatchObject([{ changes: [{ base64: 'eyB9' }] }]);
  });

  it('moves the last event id by a heartbeat, which is no message', async () => {
    const { connection, feed } = await watching();
    feed.give([], at(9));
    await connection.until(() => connection.parser.lastEventId === at(9));
    expect(connection.messages).toEqual([]);
  });
});

describe('where it begins, and what it shows', () => {
  it('is asked of the keyspace: after a GTID, by prefix or range, of text or base64', async () => {
    await watching(`?from=${at(3)}&prefix=a/`);
    await watching('?startBase64=Yf8&end=z');
    await watching();
    expect(harness.node.default.changesRequests).toEqual([
      { from: at(3), range: prefixRange(key('a/')) },
      { from: undefined, range: { start: keyFromBytes(Buffer.from([0x61, 0xff])), end: key('z') } },
      { from: undefined, range: { start: '' as Key, end: undefined } },
    ]);
  });

  it('is the oldest commit that is kept, on demand; the stream tells at once where that is', async () => {
    const { connection } = await watching('?from=oldest');
    expect(harness.node.default.changesRequests[0]?.from).toBe('oldest');
    await connection.until(() => connection.parser.lastEventId === at(0));
    await watching('?from=oldest', { 'last-event-id': at(8) });
    expect(harness.node.default.changesRequests.at(-1)?.from).toBe(at(8));
  });

  it('is Last-Event-ID where an EventSource comes back, whatever `from` it began with', async () => {
    await watching(`?from=${at(3)}`, { 'last-event-id': at(8) });
    expect(harness.node.default.changesRequests.at(-1)?.from).toBe(at(8));
    await watching(`?from=${at(3)}`, { 'last-event-id': '' });
    expect(harness.node.default.changesRequests.at(-1)?.from).toBe(at(3));
  });
});

describe('a request that is refused before the stream begins', () => {
  const answered = async (query: string, headers: Record<string, string> = {}) => {
    const answer = await harness.get(`${path}${query}`, headers);
    return [answer.status, answer.json()['code'], answer.json()['field']];
  };

  it('is a problem like everywhere', async () => {
    expect(await answered('?from=Oldest')).toEqual([400, 'INVALID_ARGUMENT', 'query.from']);
    expect(await answered('', { 'last-event-id': 'oldest' })).toEqual([
      400,
      'INVALID_ARGUMENT',
      'header.Last-Event-ID',
    ]);
    expect(await answered('?from=x')).toEqual([400, 'INVALID_ARGUMENT', 'query.from']);
    expect(await answered('', { 'last-event-id': 'x' })).toEqual([
      400,
      'INVALID_ARGUMENT',
      'header.Last-Event-ID',
    ]);
    expect(await answered('?prefix=a&start=b')).toEqual([400, 'INVALID_ARGUMENT', 'query.prefix']);
    expect(await answered('?limit=1')).toEqual([400, 'INVALID_ARGUMENT', 'query.limit']);
    harness.node.default.failure = failure('HISTORY_MISMATCH', 'other', { details: { given: otherHistory } });
    expect(await answered(`?from=${gtid(otherHistory, seqno(1))}`)).toEqual([
      409,
      'HISTORY_MISMATCH',
      undefined,
    ]);
    harness.node.default.failure = failure('CHANGES_TOO_OLD', 'old', { details: { oldest: at(5) } });
    expect(await answered('?from=' + at(1))).toEqual([410, 'CHANGES_TOO_OLD', undefined]);
    harness.node.default.failure = failure('OVERLOADED', 'many', { details: { retryAfterMs: 1000 } });
    expect(await answered('')).toEqual([503, 'OVERLOADED', undefined]);
  });

  it('needs the token that other routes need', async () => {
    await harness.stop();
    await listen({ tokens: ['secret-token-0123456789'] });
    expect(await answered('')).toEqual([401, 'UNAUTHENTICATED', undefined]);
    const { connection } = await watching('', { authorization: 'Bearer secret-token-0123456789' });
    expect(connection.status).toBe(200);
  });
});

describe('the end of a stream', () => {
  it('that fails is an event with the problem, and then the connection closes', async () => {
    const { connection, feed } = await watching();
    feed.give([commit(1, { kind: 'deleted', key: key('a') })]);
    feed.fail(failure('CHANGES_TOO_OLD', 'too far behind', { details: { oldest: at(5) } }));
    await connection.until(() => connection.ended);
    expect(connection.events.map(({ type }) => type)).toEqual(['heartbeat', 'message', 'error']);
    const problem = JSON.parse(connection.events.at(-1)!.data) as unknown;
    expect(problem).toMatchObject({ code: 'CHANGES_TOO_OLD', status: 410, oldest: at(5) });
    expect(connection.parser.lastEventId).toBe(at(1));
    expect(feed.closed).toBe(true);
  });

  it('by the client closes the feed, also while it waits', async () => {
    const { connection, feed } = await watching();
    expect(await metric('open_feeds')).toBe(1);
    connection.close();
    await eventually(() => feed.closed);
    expect(await metric('open_feeds')).toBe(0);
  });

  it('comes when the server closes: told where the client reads, cut where it does not', async () => {
    const { connection, feed } = await watching();
    const slow = await watching();
    slow.connection.pause();
    await fill(slow.feed);
    await harness.stop();
    await connection.until(() => connection.ended);
    expect(connection.events.at(-1)).toMatchObject({ type: 'error' });
    expect(connection.events.at(-1)!.data).toContain('NODE_NOT_READY');
    expect([feed.closed, slow.feed.closed]).toEqual([true, true]);
    await listen();
  });
});

describe('a consumer that does not read', () => {
  it('is given no more than buffers hold, and the rest when it reads again', async () => {
    const { connection, feed } = await watching();
    connection.pause();
    const given = await fill(feed);
    expect(feed.calls).toBeLessThan(given);
    connection.resume();
    await connection.until(() => connection.messages.length === given);
    const ids = connection.of('message').map(({ lastEventId }) => lastEventId);
    expect(ids).toEqual(Array.from({ length: given }, (_, i) => at(i + 1)));
  });

  it('that has fallen behind what is kept is told so when it reads again', async () => {
    const { connection, feed } = await watching();
    connection.pause();
    const given = await fill(feed);
    feed.fail(failure('CHANGES_TOO_OLD', 'too far behind', { details: { oldest: at(99) } }));
    connection.resume();
    await connection.until(() => connection.ended);
    expect(connection.messages).toHaveLength(given);
    expect(connection.events.at(-1)!.data).toContain('CHANGES_TOO_OLD');
  });
});

/** Puts batches of 1 MiB into a feed until they stay there; how many. */
async function fill(feed: FakeNode['default']['feeds'][number]): Promise<number> {
  const value = bytes(JSON.stringify('v'.repeat(1024 * 1024)));
  let given = 0;
  let untouched = 0;
  while (untouched < 5) {
    given += 1;
    const { calls } = feed;
    feed.give([commit(given, set('a', given, value))]);
    // A reader would have come back for more long before.
    await eventually(() => feed.calls > calls, { withinMs: 200 }).then(
      () => (untouched = 0),
      () => (untouched += 1),
    );
    expect(given).toBeLessThan(100);
  }
  return given;
}

async function metric(name: string): Promise<number> {
  const { text } = await harness.get('/metrics');
  return Number(new RegExp(`^meridian_keyspace_${name}\\{keyspace="default"\\} (.*)$`, 'm').exec(text)![1]);
}

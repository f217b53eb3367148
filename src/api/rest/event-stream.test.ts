import { expect, it } from 'vitest';
import { FakeChangeFeed } from '../../../test/support/fake-change-feed.js';
import { fakeHistory } from '../../../test/support/http-fake-node.js';
import { nextTurn } from '../../../test/support/turn.js';
import { gtid } from '../../model/gtid.js';
import { seqno } from '../../model/ids.js';
import { keyFromText } from '../../model/keys.js';
import type { CommitEvent } from '../../transaction/service.js';
import { EventStream } from './event-stream.js';

const at = (value: number) => gtid(fakeHistory, seqno(value));
const commit = (of: number, bytes: number): CommitEvent => {
  const key = keyFromText('k'.repeat(bytes));
  return { gtid: at(of), timeMs: 0, changes: [{ kind: 'deleted', key }] };
};

it('asks for the next batch only when what it has is being read', async () => {
  const feed = new FakeChangeFeed(at(0));
  for (let i = 1; i <= 20; i++) feed.give([commit(2 * i - 1, 50_000), commit(2 * i, 50_000)]);
  const stream = new EventStream(feed, 'json');
  for (let read = 0; read <= 20; read++) {
    for (let turns = 0; turns < 10; turns++) await nextTurn();
    expect(feed.calls).toBe(Math.min(20, read));
    expect(stream.readableLength).toBeLessThan(101_000);
    stream.read();
  }
});

it('joins small events into one chunk', async () => {
  const feed = new FakeChangeFeed(at(0));
  feed.give(Array.from({ length: 1000 }, (_, i) => commit(i + 1, 10)));
  const stream = new EventStream(feed, 'json');
  const chunks: string[] = [];
  stream.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk));
  while (!chunks.join('').includes(`id: ${at(1000)}`)) await nextTurn();
  expect(chunks.length).toBeLessThan(5);
  stream.destroy();
});

it('ends the feed when it is destroyed', () => {
  const feed = new FakeChangeFeed(at(0));
  const stream = new EventStream(feed, 'json');
  stream.read();
  stream.destroy();
  expect(feed.closed).toBe(true);
});

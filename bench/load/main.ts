/**
 * A load process: all clients of one region, against that region's own server. The runner starts it in the region and
 * speaks to it over IPC; it ends when that closes.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { accountBalance, keyCount } from '../model.js';
import { runClosedLoop } from './closed-loop.js';
import { dataKey, hotKeys, onceOf, valueSource } from './operations.js';
import { runOpenLoop, type OpenLoopConnection } from './open-loop.js';
import type {
  Answer,
  FillKeys,
  LoadReport,
  OfferOrder,
  OfferReport,
  OpenOrder,
  Order,
  RunOrder,
  SaturateOrder,
} from './orders.js';
import { seededRandom, type SeededRandom } from './seeded-random.js';
import { bytesOf, numberOf, type FillEntry, type Session, type Store, type Updated } from './store.js';
import { isWritable, observe, writeRequests } from './stores/http.js';
import { HttpConnection } from './stores/http-connection.js';
import { openStore } from './stores/open.js';

interface Opened {
  readonly store: Store;
  readonly random: SeededRandom;
  readonly address: string;
}

let opened: Opened | undefined;
const readyMsMax = 60_000;
const pollMs = 50;

async function execute(
  order: Exclude<Order, OpenOrder>,
  { store, random, address }: Opened,
): Promise<Answer> {
  switch (order.kind) {
    case 'fill':
      await store.fill(entriesOf(order.keys, random));
      return { kind: 'done' };
    case 'run':
      return { kind: 'ran', report: await run(store, random, order) };
    case 'saturate':
      return { kind: 'saturated', ...(await saturate(address, random, order)) };
    case 'offer':
      return { kind: 'offered', report: await offer(address, random, order) };
    case 'total': {
      const session = await store.session();
      let total = 0;
      for (const key of hotKeys(order.operation, order.run)) total += numberOf(await session.get(key, true));
      return { kind: 'total', total };
    }
    case 'observe':
      return { kind: 'observed', ...(await observe(address)) };
    case 'await-writable':
      await until(() => isWritable(address));
      return { kind: 'done' };
    case 'await-filled': {
      const session = await store.session();
      await until(async () => (await session.get(dataKey(keyCount - 1), true)) !== undefined);
      return { kind: 'done' };
    }
  }
}

async function run(store: Store, random: SeededRandom, order: RunOrder): Promise<LoadReport> {
  const sessions: Session[] = [];
  for (let i = 0; i < order.clients; i++) sessions.push(await store.session());
  const value = valueSource(random);
  const clients = sessions.map((session) => onceOf(order, session, { random, value }));
  return runClosedLoop(clients, order);
}

async function saturate(
  address: string,
  random: SeededRandom,
  { mutations, clients, beginMs, seconds }: SaturateOrder,
): Promise<{ readonly perSecond: number; readonly gapMsMax: number }> {
  const request = writeRequests(random, mutations);
  let lastMs = Math.max(performance.now(), beginMs - performance.timeOrigin);
  let gapMsMax = 0;
  const connections = Array.from({ length: clients }, () => new HttpConnection(address));
  const loops = connections.map((connection) => async (): Promise<Updated> => {
    const { status } = await request(connection);
    if (status !== 200) throw new Error(`HTTP ${status}`);
    const nowMs = performance.now();
    gapMsMax = Math.max(gapMsMax, nowMs - lastMs);
    lastMs = Math.max(lastMs, nowMs);
    return { kind: 'committed', tries: 1 };
  });
  const { measured } = await runClosedLoop(loops, { beginMs, endMs: beginMs + seconds * 1000 });
  for (const connection of connections) connection.close();
  return { perSecond: measured / seconds, gapMsMax };
}

async function offer(address: string, random: SeededRandom, order: OfferOrder): Promise<OfferReport> {
  const request = writeRequests(random, order.mutations);
  const connections: HttpConnection[] = [];
  const open = (): OpenLoopConnection => {
    const connection = new HttpConnection(address);
    connections.push(connection);
    return { send: () => request(connection) };
  };
  try {
    return await runOpenLoop(open, order);
  } finally {
    for (const connection of connections) connection.close();
  }
}

function entriesOf(keys: FillKeys, random: SeededRandom): FillEntry[] {
  switch (keys.kind) {
    case 'data': {
      const value = valueSource(random);
      return Array.from({ length: keyCount }, (_, i) => ({ key: dataKey(i), value: value() }));
    }
    case 'accounts':
      return hotKeys('transfer', keys.run).map((key) => ({ key, value: bytesOf(accountBalance) }));
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const late = performance.now() + readyMsMax;
  while (!(await holds().catch(() => false))) {
    if (performance.now() > late) throw new Error(`not ready within ${readyMsMax / 1000} s`);
    await delay(pollMs);
  }
}

async function obey(order: Order): Promise<Answer> {
  if (order.kind !== 'open') {
    if (opened === undefined) throw new Error('no store is open');
    return execute(order, opened);
  }
  opened = { store: await openStore(order), random: seededRandom(order.seed), address: order.address };
  return { kind: 'done' };
}

process.on('message', (order: Order) => {
  obey(order).then(
    (answer) => process.send!(answer),
    (error: unknown) => {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
      process.send!({ kind: 'failed', reason });
    },
  );
});
// Ctrl-C is for the runner, which then ends its load processes.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit());

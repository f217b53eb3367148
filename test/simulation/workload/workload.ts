import { keyspaceNames, type World } from '../world/world.js';
import { lost } from '../world/sim-node.js';
import { Apps } from './apps.js';
import { CausalReader } from './causal-reader.js';
import { Client } from './client.js';
import type { History } from './history.js';
import { observedRange, seen, type Observed } from './observed.js';
import { readAndWrite, transfer } from './interactive.js';
import { FeedWatcher } from './watchers.js';
import { count, mixedOneShot, repeatLate } from './one-shots.js';
import { anyKey, pickRange } from './requests.js';

const clientsPerRegion = 2;
/** How far the clients may be ahead of their pace, or behind it before they hurry. */
const transactionsAhead = 60;

/** Clients in every region that go on until they are told to stop; then each ends what it is at. */
export class Workload {
  readonly #world: World;
  readonly #clients: Client[] = [];
  readonly #pace: number;
  readonly #apps: Apps;
  readonly #watcher: FeedWatcher;
  readonly #reader: CausalReader;
  #running = 0;
  #stopped = false;

  /** `pace`: transactions per second of all clients together, at the most. */
  constructor(world: World, history: History, pace: number) {
    this.#world = world;
    this.#pace = pace;
    this.#watcher = new FeedWatcher(world, history);
    this.#reader = new CausalReader(world, history);
    this.#apps = new Apps(world, history, () => this.#aheadOfPace() > transactionsAhead);
    for (const region of new Set(world.nodes.map((node) => node.region))) {
      const nodes = world.nodes.filter((node) => node.region === region);
      for (let i = 0; i < clientsPerRegion; i++) {
        const nearest = nodes[i % nodes.length]!;
        this.#clients.push(new Client(world, history, { name: `client ${region} ${i + 1}`, nearest }));
      }
    }
  }

  get busy(): boolean {
    return this.#running > 0 || this.#apps.busy;
  }

  start(): void {
    this.#apps.start();
    this.#world.spawn(this.#watcher.run());
    this.#world.spawn(this.#reader.run());
    for (const client of this.#clients) {
      this.#running += 1;
      this.#world.spawn(this.#go(client).finally(() => (this.#running -= 1)));
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#reader.stop();
    this.#apps.stop();
    for (const client of this.#clients) client.careless = false;
  }

  /** Once it is not busy any more, and everything was shown to the watchers. */
  end(): void {
    this.#watcher.stop();
    this.#apps.end();
  }

  /** More than a run needs would only cost time, and so does a run that lasts longer. */
  #aheadOfPace(): number {
    const { counts, time } = this.#world;
    return counts.of('transactions') - (this.#pace * time.nowMs) / 1000;
  }

  async #go(client: Client): Promise<void> {
    const { random } = client;
    while (!this.#stopped) {
      await this.#world.delay(random.between(5, 300));
      const ahead = this.#aheadOfPace();
      if (ahead > transactionsAhead) continue;
      const keyspace = random.pick(keyspaceNames);
      const act = random.weighted<() => Promise<void>>([
        [4, () => mixedOneShot(client, keyspace)],
        [3, () => readAndWrite(client, keyspace)],
        [3, () => transfer(client, keyspace)],
        [2, () => count(client, keyspace)],
        [3, () => read(client, keyspace)],
        [ahead < -transactionsAhead ? 12 : 2, () => burst(client, keyspace)],
        [2, () => repeatLate(client, keyspace)],
      ]);
      await act();
    }
  }
}

/** Many at once, so that they share entries, and conflict within them. */
async function burst(client: Client, keyspace: string): Promise<void> {
  await Promise.all(
    Array.from({ length: client.random.between(3, 30) }, () => mixedOneShot(client, keyspace)),
  );
}

async function read(client: Client, keyspace: string): Promise<void> {
  const { random, history } = client;
  history.count('transactions');
  const node = client.pickNode();
  const freshness = client.pickFreshness(keyspace);
  const promised = client.promise(node, keyspace, freshness);
  const keys = [random.pick(anyKey), random.pick(anyKey)];
  const range = pickRange(random);
  const options = { ...freshness, limit: random.between(1, 12), reverse: random.chance(0.3) };
  const wantsKeys = random.chance(0.6);
  const answer = await client.call(node, keyspace, async (service) => {
    if (!wantsKeys) {
      const page = await service.list(range, options);
      if (!page.ok) return page;
      return {
        ok: true as const,
        gtid: page.value.gtid,
        reads: [observedRange(range, page.value, options.reverse)],
      };
    }
    const found = await service.read(keys, freshness);
    if (!found.ok) return found;
    const reads = keys.map((key, i): Observed => ({ kind: 'key', key, seen: seen(found.value.values[i]) }));
    return { ok: true as const, gtid: found.value.gtid, reads };
  });
  if (answer === lost) return;
  if (!answer.ok) return history.count(answer.failure.code);
  for (const one of answer.reads) {
    if (one.kind === 'key') client.versionsOf(keyspace).set(one.key, one.seen?.version);
  }
  const snapshot = client.sawSnapshot(keyspace, answer.gtid, promised);
  history.readOnly.push({ keyspace, snapshot, reads: answer.reads });
  history.count('reads');
}

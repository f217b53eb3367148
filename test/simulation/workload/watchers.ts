import { ChangesTooOldError, MeridianError } from '../../../src/client/errors.js';
import type { Failure } from '../../../src/model/errors.js';
import { gtid, parseGtid, type Gtid } from '../../../src/model/gtid.js';
import { firstKey, keyFromText, keyToBytes, prefixRange, type KeyRange } from '../../../src/model/keys.js';
import type { ChangeFeed } from '../../../src/transaction/service.js';
import type { SeededRandom } from '../world/seeded-random.js';
import { lost, type SimNode } from '../world/sim-node.js';
import { keyspaceNames, type World } from '../world/world.js';
import type { App } from './app.js';
import type { History } from './history.js';
import { textOfAppChange, textOfChange, type Watched } from './watched.js';

const everything: KeyRange = { start: firstKey, end: undefined };

function pickWatched(random: SeededRandom, history: History, about: string): Watched {
  const watched = {
    about,
    keyspace: random.pick(keyspaceNames),
    range: pickRange(random),
    begin: 0,
    commits: [],
    position: 0,
    isOver: false,
  };
  history.watched.push(watched);
  return watched;
}

/** What was to come next is not kept any more, by the node's word: the watcher begins anew, at the oldest that is. */
function beginAnew(history: History, before: Watched, oldest: string | undefined): Watched {
  const begin = parseGtid((oldest ?? '') as Gtid)?.seqno ?? NaN;
  const { about, keyspace, range, position } = before;
  history.expect(begin > position, () => `${about} is too old at ${position} where ${begin} is kept`);
  before.isOver = true;
  const watched = { about, keyspace, range, begin, commits: [], position: begin, isOver: false };
  history.watched.push(watched);
  return watched;
}

function pickRange(random: SeededRandom): KeyRange {
  return random.chance(0.5) ? everything : prefixRange(keyFromText(random.pick(['register/', 'mixed/'])));
}

/** Follows a keyspace through the port of the nodes, now at one node, now at another, always from where it was. */
export class FeedWatcher {
  readonly #world: World;
  readonly #history: History;
  readonly #random: SeededRandom;
  #watched: Watched;
  #position: Gtid | undefined;
  #stopped = false;

  constructor(world: World, history: History) {
    this.#world = world;
    this.#history = history;
    this.#random = world.random.fork('feed watcher');
    this.#watched = pickWatched(this.#random, history, 'a feed');
  }

  /** Ends once it was stopped. */
  async run(): Promise<void> {
    const head = this.#world.homeOf(this.#watched.keyspace).running!.keyspaceNode(this.#watched.keyspace)!;
    this.#position = gtid(head.store.head.keyspaceId!, 0 as never);
    while (!this.#stopped) {
      await this.#follow(this.#random.pick(this.#world.nodes));
      await this.#world.delay(this.#random.between(10, 1000));
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  async #follow(node: SimNode): Promise<void> {
    const { keyspace, range } = this.#watched;
    const { running: life } = node;
    const opened = await node.call(async (running) =>
      running.keyspace(keyspace)!.changes({ from: this.#position, range }),
    );
    if (opened === lost) return;
    if (!opened.ok) return this.#failed(opened.failure);
    if (this.#watched.commits.length > 0) this.#history.count('feeds that went on');
    const feed = opened.value;
    while (!this.#stopped && !this.#random.chance(0.02)) {
      // The feed of a node that was started anew is gone with it.
      if (node.running !== life || !(await this.#next(node, feed))) break;
      if (this.#random.chance(0.1)) await this.#world.delay(this.#random.between(10, 4000));
    }
    feed.close();
  }

  #failed({ code, details }: Failure): void {
    this.#history.count(`feed: ${code}`);
    if (code !== 'CHANGES_TOO_OLD') return;
    const oldest = details['oldest'] as Gtid;
    this.#watched = beginAnew(this.#history, this.#watched, oldest);
    this.#position = oldest;
  }

  async #next(node: SimNode, feed: ChangeFeed): Promise<boolean> {
    const batch = await node.call(() => feed.next());
    if (batch === lost) return false;
    if (!batch.ok) {
      this.#failed(batch.failure);
      return false;
    }
    const { commits, position } = batch.value;
    for (const { gtid: at, timeMs, changes } of commits) {
      this.#watched.commits.push({
        seqno: parseGtid(at)!.seqno,
        timeMs,
        changes: changes.map(textOfChange),
      });
    }
    this.#history.count('feed: commits', commits.length);
    this.#position = position;
    this.#watched.position = parseGtid(position)!.seqno;
    return true;
  }
}

/** Follows a keyspace with the real client of one app, which finds another node by itself. */
export class AppWatcher {
  readonly #app: App;
  #watched: Watched;
  #stopped = false;
  #close: () => void = () => {};

  constructor(app: App) {
    this.#app = app;
    this.#watched = pickWatched(app.random, app.history, `a watch of ${app.name}`);
  }

  /** After the app has started; ends once it was stopped. */
  async run(): Promise<void> {
    let from: string = this.#app.random.chance(0.5) ? 'oldest' : 'now';
    while (!this.#stopped) from = await this.#watch(from);
  }

  stop(): void {
    this.#stopped = true;
    this.#close();
  }

  /** Where it is when it ends: by the app's will, or because no node was found to begin at. */
  async #watch(from: string): Promise<string> {
    const { random, history, world } = this.#app;
    const { keyspace, range } = this.#watched;
    const { start, end } = range;
    const bounds = end === undefined ? {} : { end: keyToBytes(end) };
    const watch = this.#app.keyspace(keyspace).watch({ from, start: keyToBytes(start), ...bounds });
    this.#close = () => watch.close();
    try {
      const begin = parseGtid((await watch.ready) as Gtid)!.seqno;
      if (parseGtid(from as Gtid) === undefined) this.#watched.position = this.#watched.begin = begin;
      else history.count('watches that went on');
      const noting = setIntervalOf(world, () => this.#note(watch.position));
      for await (const { version, timeMs, changes } of watch) {
        this.#watched.commits.push({ seqno: version, timeMs, changes: changes.map(textOfAppChange) });
        this.#note(watch.position);
        history.count('watch: commits');
        if (random.chance(0.05)) await world.delay(random.between(1, 2000));
        if (random.chance(0.004)) break;
      }
      noting();
    } catch (error) {
      if (!(error instanceof MeridianError)) throw error;
      history.count(`watch: ${error.code}`);
      if (error instanceof ChangesTooOldError) {
        this.#note(watch.position);
        this.#watched = beginAnew(history, this.#watched, error.oldest);
        return error.oldest!;
      }
    }
    return watch.position ?? from;
  }

  #note(position: string | undefined): void {
    const seqno = parseGtid((position ?? '') as Gtid)?.seqno ?? 0;
    this.#watched.position = Math.max(this.#watched.position, seqno);
  }
}

/** Now and then, until what it returns is called. */
function setIntervalOf(world: World, action: () => void): () => void {
  let cancel = (): void => {};
  const plan = (): void => {
    cancel = world.time.after(500, () => {
      action();
      plan();
    });
  };
  plan();
  return () => cancel();
}

import { keyspaceNames, type World } from '../world/world.js';
import { App } from './app.js';
import { atomically, look, transactionally } from './app-calls.js';
import { AppWatcher } from './watchers.js';
import type { History } from './history.js';

/** Apps cost much, so most of the worlds have none. */
const appsPerWorld = [0, 0, 0, 1, 2] as const;
const workersPerApp = 2;

/** Apps in some regions, each with several things to do at once through one client. */
export class Apps {
  readonly #world: World;
  readonly #apps: readonly App[];
  readonly #isAhead: () => boolean;
  readonly #watchers: readonly AppWatcher[];
  #running = 0;
  #stopped = false;

  /** `isAhead`: there is no need of more now. */
  constructor(world: World, history: History, isAhead: () => boolean) {
    this.#world = world;
    this.#isAhead = isAhead;
    const random = world.random.fork('apps');
    const regions = [...new Set(world.nodes.map(({ region }) => region))];
    this.#apps = Array.from({ length: random.pick(appsPerWorld) }, (_, i) => {
      const region = random.pick(regions);
      return new App(world, history, { name: `${region} ${i + 1}`, region });
    });
    this.#watchers = this.#apps.map((app) => new AppWatcher(app));
  }

  get busy(): boolean {
    return this.#running > 0;
  }

  start(): void {
    this.#apps.forEach((app, i) => this.#spawn(this.#use(app, this.#watchers[i]!)));
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Once the watches have shown what is to be shown. */
  end(): void {
    for (const watcher of this.#watchers) watcher.stop();
    for (const app of this.#apps) app.end();
  }

  #spawn(work: Promise<void>): void {
    this.#running += 1;
    this.#world.spawn(work.finally(() => (this.#running -= 1)));
  }

  async #use(app: App, watcher: AppWatcher): Promise<void> {
    await app.start();
    this.#world.spawn(watcher.run());
    await Promise.all(Array.from({ length: workersPerApp }, () => this.#work(app)));
  }

  async #work(app: App): Promise<void> {
    const { random } = app;
    while (!this.#stopped) {
      await this.#world.delay(random.between(5, 400));
      if (this.#isAhead()) continue;
      const keyspace = random.pick(keyspaceNames);
      const act = random.weighted<() => Promise<void>>([
        [3, () => atomically(app, keyspace)],
        [3, () => transactionally(app, keyspace)],
        [2, () => look(app, keyspace)],
        [1, () => Promise.resolve(this.#handOver(app))],
      ]);
      await act();
    }
  }

  /** One app gives what it has seen to another, which must not read older from then on. */
  #handOver(app: App): void {
    const other = app.random.pick(this.#apps);
    if (other === app || !other.isConnected) return;
    other.client.causality.import(app.client.causality.export());
    app.history.count('tokens handed from app to app');
  }
}

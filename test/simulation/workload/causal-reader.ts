import { lost } from '../world/sim-node.js';
import type { World } from '../world/world.js';
import { Client } from './client.js';
import type { History } from './history.js';
import { anyKey } from './requests.js';

/** Calls under way at once. */
const readsMax = 8;
const everyMsMax = 500;

/**
 * Reads causally where a log is in etcd, all the time and at every node, above all at those that lead: whoever has lost the role
 * without having noticed must not answer.
 */
export class CausalReader {
  readonly #world: World;
  readonly #client: Client;
  #reading = 0;
  #stopped = false;

  constructor(world: World, history: History) {
    this.#world = world;
    this.#client = new Client(world, history, { name: 'causal reader', nearest: world.nodes[0]! });
  }

  /** Ends once it was stopped; at once in a world without etcd. */
  async run(): Promise<void> {
    const { random } = this.#client;
    const keyspaces = [...this.#world.shared];
    while (keyspaces.length > 0 && !this.#stopped) {
      await this.#world.delay(random.between(20, everyMsMax));
      if (this.#reading >= readsMax) continue;
      this.#reading += 1;
      this.#world.spawn(this.#read(random.pick(keyspaces)).finally(() => (this.#reading -= 1)));
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  async #read(keyspace: string): Promise<void> {
    const { random } = this.#client;
    const sequencer = random.chance(0.5) ? this.#world.sequencerOf(keyspace) : undefined;
    const node = sequencer ?? random.pick(this.#world.nodes);
    const freshness = { causal: true, token: undefined, timeoutMs: random.between(500, 9000) };
    const promised = this.#client.promise(node, keyspace, { ...freshness, toldBy: undefined });
    const answer = await this.#client.call(node, keyspace, (service) =>
      service.read([random.pick(anyKey)], freshness),
    );
    if (answer !== lost && answer.ok) this.#client.sawSnapshot(keyspace, answer.value.gtid, promised);
  }
}

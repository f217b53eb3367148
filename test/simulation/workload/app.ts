import { Client } from '../../../src/client/client.js';
import { MeridianError } from '../../../src/client/errors.js';
import type { Keyspace } from '../../../src/client/keyspace.js';
import type { RegionId } from '../../../src/model/ids.js';
import { parseGtid } from '../../../src/model/gtid.js';
import { Incarnation } from '../world/incarnation.js';
import type { SeededRandom } from '../world/seeded-random.js';
import { SimDialler } from '../world/sim-api.js';
import type { World } from '../world/world.js';
import type { History } from './history.js';

/** How long a call may take, ms: short ones end with outcomes that are not known yet. */
const requestMsMin = 700;
const requestMsMax = 10_000;
/** No wait of the client for its next try is longer than this, ms. */
export const waitMsMax = 1500;

/** An app in a region with the real client in it, which reaches every node over the simulated network. */
export class App {
  readonly name: string;
  readonly world: World;
  readonly history: History;
  readonly random: SeededRandom;
  readonly requestTimeoutMs: number;
  readonly #life: Incarnation;
  #client: Client | undefined;

  constructor(world: World, history: History, who: { readonly name: string; readonly region: RegionId }) {
    const { name, region } = who;
    this.name = name;
    this.world = world;
    this.history = history;
    this.random = world.random.fork(`app ${name}`);
    this.requestTimeoutMs = this.random.between(requestMsMin, requestMsMax);
    world.addApp(name, region);
    const { time, trace } = world;
    const random = this.random.fork('client');
    this.#life = new Incarnation(name, { time, trace, random, wall: { skewMs: 0 } });
  }

  /** Resolves when the client has found a node. */
  async start(): Promise<void> {
    const { network, nodes } = this.world;
    while (this.#client === undefined) {
      const parts = { dialler: new SimDialler(network, this.#life), runtime: this.#life.runtime };
      const { requestTimeoutMs } = this;
      const endpoints = nodes.map(({ id }) => id);
      try {
        this.#client = await Client.open(
          { endpoints, requestTimeoutMs, transactTimeoutMs: requestTimeoutMs },
          parts,
        );
      } catch (error) {
        if (!(error instanceof MeridianError)) throw error;
        this.history.count(`app: ${error.code}`);
      }
    }
    this.#client.onRegionChange(({ from, to }) => {
      if (from !== undefined && to !== undefined && from !== to)
        this.history.count('apps moved to another region');
    });
  }

  get isConnected(): boolean {
    return this.#client !== undefined;
  }

  /** Once `start` has resolved. */
  get client(): Client {
    return this.#client!;
  }

  keyspace(name: string): Keyspace {
    return this.client.keyspace(name);
  }

  /** The seqno of the causality token; 0 without one. */
  token(keyspace: string): number {
    return parseGtid(this.client.causality.export()[keyspace] ?? '')?.seqno ?? 0;
  }

  /** What the client has been told is known from now on. */
  learn(keyspace: string): void {
    this.history.tell(keyspace, this.name, this.token(keyspace));
  }

  end(): void {
    this.#client?.close();
    this.#life.die();
  }
}

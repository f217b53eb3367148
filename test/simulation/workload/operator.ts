import type { NodeService } from '../../../src/transaction/service.js';
import { keyspaceNames, type World } from '../world/world.js';
import { lost, type SimNode } from '../world/sim-node.js';
import type { History } from './history.js';

/** Who looks after a cluster: has nodes that gave their copy up rejoin, and asks for consistency checks. */
export class Operator {
  readonly #world: World;
  readonly #history: History;

  constructor(world: World, history: History) {
    this.#world = world;
    this.#history = history;
  }

  /** Goes on as long as the world. */
  async run(): Promise<void> {
    const random = this.#world.random.fork('operator');
    for (;;) {
      await this.#world.delay(random.between(500, 3000));
      for (const node of this.#world.nodes) {
        for (const name of keyspaceNames) await this.#look(node, name);
      }
    }
  }

  async #look(node: SimNode, keyspace: string): Promise<void> {
    const state = node.running?.keyspace(keyspace)?.status().state;
    if ((state !== 'damaged' && state !== 'inconsistent') || this.#world.isLog(node.id, keyspace)) return;
    this.#history.count(`found ${state}`);
    const answer = await node.call(async (running: NodeService) => running.admin(keyspace)?.rejoin());
    if (answer === lost || answer === undefined) return;
    this.#history.count(answer.ok ? 'rejoined' : `rejoin: ${answer.failure.code}`);
    if (answer.ok) node.placeOf(keyspace).givenUp = true;
    this.#world.trace.add(
      `operator: ${node.id}/${keyspace} is ${state}: ${answer.ok ? 'rejoins' : answer.failure.message}`,
    );
  }
}

import { Client, type ClientOptions } from '../../src/client/client.js';
import { silentLogger, type Runtime } from '../../src/runtime/runtime.js';
import { LoopbackDialler } from './loopback-dialler.js';
import { ManualTime } from './manual-time.js';
import { ScriptedNode, type ScriptedNodeOptions } from './scripted-node.js';
import { nextTurn } from './turn.js';

/** A client among scripted nodes, in time that a test moves. */
export class ClientWorld {
  readonly time = new ManualTime();
  readonly dialler = new LoopbackDialler(this.time.timers);
  /** What the client's randomness gives next as a fraction. */
  fraction = 0.5;
  /** Messages that the client logged as errors. */
  readonly errors: string[] = [];
  #bytes = 0;
  readonly runtime: Runtime = {
    clock: { nowMs: () => 0, monotonicMs: this.time.clock.monotonicMs },
    timers: this.time.timers,
    random: {
      bytes: (count) => new Uint8Array(count).fill((this.#bytes += 1)),
      fraction: () => this.fraction,
    },
    logger: { ...silentLogger, error: (_, message) => void this.errors.push(message) },
  };

  node(endpoint: string, options: Partial<ScriptedNodeOptions> = {}): ScriptedNode {
    const node = new ScriptedNode(this.time.timers, { region: endpoint, ...options });
    this.dialler.acceptors.set(endpoint, node);
    return node;
  }

  /** Resolves when the client has chosen a node. */
  async open(options: Partial<ClientOptions> = {}): Promise<Client> {
    const endpoints = options.endpoints ?? [...this.dialler.acceptors.keys()];
    return this.done(Client.open({ ...options, endpoints }, this), 20_000);
  }

  /** Lets `ms` pass, with everything that becomes due and follows from it. */
  async pass(ms = 0): Promise<void> {
    await this.#turns();
    for (let passed = 0; passed < ms; passed++) {
      this.time.advance(1);
      await this.#turns();
    }
    await this.#turns();
  }

  /** Lets time pass until the promise has ended. */
  async done<T>(promise: Promise<T>, withinMs = 60_000): Promise<T> {
    let over = false;
    promise.then(
      () => (over = true),
      () => (over = true),
    );
    for (let passed = 0; !over && passed < withinMs; passed++) await this.pass(1);
    if (!over) throw new Error(`it has not ended within ${withinMs} ms`);
    return promise;
  }

  /** Lets time pass until the probe holds. */
  async until(probe: () => boolean, withinMs = 60_000): Promise<void> {
    for (let passed = 0; !probe(); passed++) {
      if (passed >= withinMs) throw new Error(`it does not hold within ${withinMs} ms`);
      await this.pass(1);
    }
  }

  async #turns(): Promise<void> {
    for (let turn = 0; turn < 4; turn++) {
      await nextTurn();
      this.time.advance(0);
    }
  }
}

/** What a promise that is to be rejected was rejected with; a listener from the start on. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => {
      throw new Error(`resolved with ${String(value)}`);
    },
    (error: unknown) => error,
  );
}

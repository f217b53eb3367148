import type { Retention } from '../model/retention.js';
import { ConsistencyCheck, type ConsistencyCheckPorts } from './consistency-check.js';
import { startExpiry, type ExpiryPorts } from './expiry.js';
import { startRetention } from './retention.js';

export interface MaintenancePorts extends ConsistencyCheckPorts, ExpiryPorts {
  readonly retention: Retention;
}

/** What a node does for a keyspace's store without being asked: expiry, retention, consistency checks. */
export class Maintenance {
  readonly check: ConsistencyCheck;
  readonly #stopExpiry: () => void;
  readonly #stopRetention: () => void;

  constructor(ports: MaintenancePorts) {
    const others = ports.nodes.filter((node) => node !== ports.self);
    this.check = new ConsistencyCheck(ports);
    this.#stopExpiry = startExpiry(ports);
    this.#stopRetention = startRetention({ ...ports, others });
  }

  /** Before the store is closed. */
  stop(): Promise<void> {
    this.#stopExpiry();
    this.#stopRetention();
    return this.check.stop();
  }
}

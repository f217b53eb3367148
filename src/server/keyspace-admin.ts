import { fail, type Result } from '../model/errors.js';
import type { KeyspaceName } from '../model/ids.js';
import type {
  KeyspaceAdmin,
  KeyspaceStatus,
  RecoverOptions,
  Recovery,
  RecoveryPlan,
} from '../transaction/service.js';
import type { KeyspaceHost } from './keyspace-host.js';
import type { KeyspaceRecovery } from './recovery.js';

/** What operators ask about one keyspace of this node, served or not. */
export class HostAdmin implements KeyspaceAdmin {
  readonly name: KeyspaceName;
  readonly #host: KeyspaceHost;
  readonly #recovery: KeyspaceRecovery;

  constructor(host: KeyspaceHost, recovery: KeyspaceRecovery) {
    this.name = host.name;
    this.#host = host;
    this.#recovery = recovery;
  }

  status(): KeyspaceStatus {
    return this.#host.service.status();
  }

  setAside(): Promise<readonly string[]> {
    return this.#host.place.setAside();
  }

  rejoin(): Promise<Result<{ readonly setAside: undefined }>> {
    return Promise.resolve(this.#host.rejoin());
  }

  planRecovery(options: RecoverOptions): Promise<Result<RecoveryPlan>> {
    return this.#recovery.plan(options);
  }

  recover(options: RecoverOptions): Promise<Result<Recovery>> {
    return this.#recovery.recover(options);
  }

  check(): Promise<Result<{ readonly mark: string; readonly position: number }>> {
    const { node } = this.#host;
    if (node === undefined) {
      const { state } = this.status();
      return Promise.resolve(fail('OPERATION_REFUSED', `the keyspace is not served here: it is ${state}`));
    }
    return node.check.check();
  }
}

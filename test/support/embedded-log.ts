import { EmbeddedLog } from '../../src/ordering/embedded/embedded-log.js';
import { initHistory } from '../../src/ordering/embedded/init-history.js';
import type { Beginning } from '../../src/ordering/genesis.js';
import { silentLogger, type Runtime } from '../../src/runtime/runtime.js';
import { openKeyspaceStore } from '../../src/storage/keyspace-store.js';
import type { KeyspaceStore, OpenDatabase } from '../../src/storage/store.js';

/** A runtime whose timers fire at once: retries do not wait. */
function impatientRuntime(): Runtime {
  const soon = (action: () => void): void => void setImmediate(action);
  return {
    clock: { nowMs: () => 0, monotonicMs: () => 0 },
    timers: {
      after: (_, action) => {
        const due = setImmediate(action);
        return () => clearImmediate(due);
      },
      soon,
    },
    random: { bytes: (count) => Buffer.alloc(count), fraction: () => 0 },
    logger: silentLogger,
  };
}

export interface EmbeddedHome {
  readonly store: KeyspaceStore;
  readonly log: EmbeddedLog;
}

/** Opens a home's store, begins its history when asked to, and its log over it. */
export async function openHome(open: OpenDatabase, beginning?: Beginning): Promise<EmbeddedHome> {
  const store = await openKeyspaceStore(open, silentLogger);
  if (beginning !== undefined) await initHistory(store, beginning);
  return { store, log: new EmbeddedLog(store, impatientRuntime()) };
}

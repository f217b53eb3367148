import { asDamage } from './layout.js';
import { StoreClosed, StoreDamaged } from './store.js';

const closedCodes = new Set([
  'LEVEL_DATABASE_NOT_OPEN',
  'LEVEL_SNAPSHOT_NOT_OPEN',
  'LEVEL_ITERATOR_NOT_OPEN',
  'LEVEL_STATUS_NOT_OPEN',
]);

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** The disk or the system did not let LevelDB read: it says nothing of what is stored, and may pass. */
export class ReadFailed extends Error {
  override readonly name = 'ReadFailed';
}

/** What an error of a database call that reads is. HAZARD: those of synchronous reads carry no code of their own. */
export function databaseReadError(error: unknown): unknown {
  if (error instanceof StoreDamaged || error instanceof StoreClosed) return error;
  const known = readError(error);
  return known === error ? new ReadFailed(`LevelDB: ${String(error)}`, { cause: error }) : known;
}

/** What a failed read is to the store's callers: StoreDamaged, StoreClosed, or the error itself. */
export function readError(error: unknown): unknown {
  const code = codeOf(error);
  if (code === 'LEVEL_CORRUPTION') {
    return new StoreDamaged(`LevelDB: ${(error as Error).message}`, { cause: error });
  }
  if (typeof code === 'string' && closedCodes.has(code)) {
    return new StoreClosed('the store was closed while it was read', { cause: error });
  }
  return asDamage(error);
}

/** What a database that does not open is: StoreDamaged when LevelDB says so, else the error itself. */
export function openError(error: unknown): unknown {
  const cause = error instanceof Error ? error.cause : undefined;
  if (codeOf(cause) !== 'LEVEL_CORRUPTION') return error;
  return new StoreDamaged(`LevelDB does not open: ${(cause as Error).message}`, { cause: error });
}

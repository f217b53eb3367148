import { openError } from './level-errors.js';
import type { Database, OpenDatabase } from './store.js';
import { verifyDatabase, type Verified } from './verify.js';

export interface Opened {
  readonly database: Database;
  readonly verified: Verified;
}

/** Opens and verifies; closes again what is not to be served. Throws StoreDamaged, or what opening throws. */
export async function openVerified(openDatabase: OpenDatabase): Promise<Opened> {
  let database: Database;
  try {
    database = await openDatabase();
  } catch (error) {
    throw openError(error);
  }
  try {
    return { database, verified: await verifyDatabase(database) };
  } catch (error) {
    await database.close().catch(() => undefined);
    throw error;
  }
}

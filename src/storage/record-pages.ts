import type { Database } from './store.js';

const pageRecords = 10_000;
const pageBytesMax = 4 * 1024 * 1024;

interface Records {
  readonly gte?: Buffer;
  readonly gt?: Buffer;
  readonly lt: Buffer;
  readonly snapshot?: unknown;
}

/**
 * Records of a database in the order of their keys, in pages, without filling LevelDB's cache. For who reads them all: the
 * next page is read while one is worked on. With `pageBytes`, of about that size, and none is read ahead.
 */
export async function* recordPages(
  database: Database,
  records: Records,
  pageBytes?: number,
): AsyncGenerator<readonly [Buffer, Buffer][]> {
  const options = { ...records, fillCache: false, highWaterMarkBytes: pageBytes ?? pageBytesMax };
  const iterator = database.iterator(options as object);
  const read = async (): Promise<[Buffer, Buffer][]> => iterator.nextv(pageRecords);
  try {
    let page = await read();
    while (page.length > 0) {
      const ahead = pageBytes === undefined ? read() : undefined;
      ahead?.catch(() => undefined);
      yield page;
      page = await (ahead ?? read());
    }
  } finally {
    await iterator.close();
  }
}

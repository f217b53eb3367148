import { createConnection, type Connection, type RowDataPacket } from 'mysql2/promise';
import { bytesOf, numberOf, type Change, type Session, type Store, type Updated } from '../store.js';

const upsert = 'INSERT INTO kv (k, v) VALUES (?, ?) ON DUPLICATE KEY UPDATE v = VALUES(v)';
const select = 'SELECT v FROM kv WHERE k = ?';
const rowsPerStatement = 500;

/** MariaDB with Galera; one connection per client, prepared statements. */
export async function openGaleraStore(address: string): Promise<Store> {
  const connections: Connection[] = [];
  const open = async (causal: boolean): Promise<Connection> => {
    const connection = await connectedTo(address);
    connections.push(connection);
    await connection.query(`SET SESSION wsrep_sync_wait = ${causal ? 1 : 0}`);
    return connection;
  };
  return {
    session: async () => new GaleraSession(await open(false), open),
    async fill(entries) {
      const connection = await open(false);
      for (let from = 0; from < entries.length; from += rowsPerStatement) {
        const rows = entries.slice(from, from + rowsPerStatement).map(({ key, value }) => [key, value]);
        await connection.query('REPLACE INTO kv (k, v) VALUES ?', [rows]);
      }
    },
    close: async () => connections.forEach((one) => one.destroy()),
  };
}

async function connectedTo(address: string): Promise<Connection> {
  const [host, port] = address.split(':');
  const login = { user: 'bench', password: 'bench', database: 'bench' };
  const connection = await createConnection({
    host: host!,
    port: Number(port),
    ...login,
    connectTimeout: 30_000,
  });
  connection.on('error', () => {});
  return connection;
}

class GaleraSession implements Session {
  private causal: Connection | undefined;

  constructor(
    private readonly connection: Connection,
    private readonly open: (causal: boolean) => Promise<Connection>,
  ) {}

  async put(key: string, value: Buffer): Promise<void> {
    await told(this.connection.execute(upsert, [key, value]));
  }

  async get(key: string, causal: boolean): Promise<Buffer | undefined> {
    const connection = causal ? (this.causal ??= await this.open(true)) : this.connection;
    return valueIn(await told(connection.execute<RowDataPacket[]>(select, [key])));
  }

  /** Locking reads: under Galera's REPEATABLE READ, plain ones may lose updates. */
  async update(keys: readonly string[], change: Change): Promise<Updated> {
    const { connection } = this;
    try {
      await connection.query('BEGIN');
      const values: number[] = [];
      for (const key of keys)
        values.push(
          numberOf(valueIn(await connection.execute<RowDataPacket[]>(`${select} FOR UPDATE`, [key]))),
        );
      const changed = change(values);
      for (const [i, key] of keys.entries()) await connection.execute(upsert, [key, bytesOf(changed[i]!)]);
      await connection.query('COMMIT');
      return { kind: 'committed', tries: 1 };
    } catch (error) {
      await connection.query('ROLLBACK').catch(() => {});
      if (isConflict(error)) return { kind: 'conflict', tries: 1 };
      throw new Error(reasonOf(error), { cause: error });
    }
  }
}

function valueIn([rows]: readonly [RowDataPacket[], unknown]): Buffer | undefined {
  return rows[0]?.['v'] as Buffer | undefined;
}

/** Deadlock, which is also how Galera reports a failed certification, and lock wait timeout. */
function isConflict(error: unknown): boolean {
  const { errno } = error as { errno?: number };
  return errno === 1213 || errno === 1205;
}

async function told<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw new Error(reasonOf(error), { cause: error });
  }
}

function reasonOf(error: unknown): string {
  const { errno, code, message } = error as { errno?: number; code?: string; message: string };
  if (isConflict(error)) return 'deadlock';
  return errno === undefined ? (code ?? message) : `${errno} ${code}`;
}

import { keyCount } from '../../model.js';
import { dataKey, valueSource } from '../operations.js';
import type { SeededRandom } from '../seeded-random.js';
import { bytesOf, numberOf, type Change, type Session, type Store, type Updated } from '../store.js';
import { headerOf, HttpConnection, type HttpAnswer } from './http-connection.js';

const keyspacePath = '/v1/keyspaces/default';
const keyPath = (key: string): string => `${keyspacePath}/keys/${key}`;
const jsonType = 'Content-Type: application/json\r\n';
const textType = 'Content-Type: text/plain\r\n';
const noContent = Buffer.alloc(0);
const entriesPerRequest = 1000;
const causalWaitMs = 30_000;

/** Meridian's HTTP API; one connection per client. Also what reads from the bare fastify. */
export function openHttpStore(address: string): Store {
  const connections: HttpConnection[] = [];
  const connection = (): HttpConnection => {
    const made = new HttpConnection(address);
    connections.push(made);
    return made;
  };
  return {
    session: async () => new HttpSession(connection()),
    async fill(entries) {
      const { request } = bind(connection());
      for (let from = 0; from < entries.length; from += entriesPerRequest) {
        const some = entries.slice(from, from + entriesPerRequest);
        const mutations = some.map(({ key, value }) => ({ set: { key, base64: value.toString('base64') } }));
        okay(await request('POST', `${keyspacePath}/transact`, json({ mutations }), jsonType));
      }
    },
    close: async () => connections.forEach((one) => one.close()),
  };
}

/** Where the node is in `default`: the last log entry and transaction that it has applied. */
export async function observe(address: string): Promise<{ position: number; seqno: number }> {
  const connection = new HttpConnection(address);
  const { body } = okay(await connection.request('GET', '/metrics'));
  connection.close();
  const gauge = (name: string): number =>
    Number(
      new RegExp(`^meridian_keyspace_${name}\\{keyspace="default"\\} (\\S+)$`, 'm').exec(String(body))?.[1],
    );
  return { position: gauge('position'), seqno: gauge('applied_seqno') };
}

/** Whether the node would take writes in every keyspace. */
export async function isWritable(address: string): Promise<boolean> {
  const connection = new HttpConnection(address);
  const { status } = await connection.request('GET', '/readyz?for=write');
  connection.close();
  return status === 200;
}

/** Requests of several keys are made before the first is sent, so that a load costs much less than what it asks for. */
const preparedRequests = 64;

/** What sends blind writes of so many random keys each; an answer of any status is an answer. */
export function writeRequests(
  random: SeededRandom,
  mutations: number,
): (connection: HttpConnection) => Promise<HttpAnswer> {
  const value = valueSource(random);
  const key = (): string => dataKey(random.below(keyCount));
  if (mutations === 1) return (connection) => connection.request('PUT', keyPath(key()), value(), textType);
  const set = () => ({ set: { key: key(), value: value().toString('latin1') } });
  const bodies = Array.from({ length: preparedRequests }, () =>
    json({ mutations: Array.from({ length: mutations }, set) }),
  );
  return (connection) => {
    const body = bodies[random.below(bodies.length)]!;
    return connection.request('POST', `${keyspacePath}/transact`, body, jsonType);
  };
}

class HttpSession implements Session {
  constructor(private readonly connection: HttpConnection) {}

  async put(key: string, value: Buffer): Promise<void> {
    okay(await this.connection.request('PUT', keyPath(key), value, textType));
  }

  async get(key: string, causal: boolean): Promise<Buffer | undefined> {
    const query = causal ? `?causal=true&causalTimeoutMs=${causalWaitMs}` : '';
    const answer = await this.connection.request('GET', keyPath(key) + query);
    return answer.status === 404 ? undefined : okay(answer).body;
  }

  async sum(key: string, by: number): Promise<void> {
    const body = json({ mutations: [{ sum: { key, by } }] });
    okay(await this.connection.request('POST', `${keyspacePath}/transact`, body, jsonType));
  }

  /** After a conflict a transaction has to begin at or after the winner, which the answer's token names. */
  private token: string | undefined;

  async update(keys: readonly string[], change: Change): Promise<Updated> {
    const { request } = bind(this.connection);
    const causality = this.token === undefined ? '' : `Meridian-Causality: ${this.token}\r\n`;
    this.token = undefined;
    const begun = okay(
      await request('POST', `${keyspacePath}/transactions`, json({}), jsonType + causality),
      201,
    );
    const { transactionId } = JSON.parse(begun.body.toString('utf8')) as { transactionId: string };
    const path = `${keyspacePath}/transactions/${transactionId}`;
    const values: number[] = [];
    for (const key of keys) {
      const read = await request('GET', `${path}/keys/${key}`);
      if (this.lost(read)) return { kind: 'conflict', tries: 1 };
      values.push(read.status === 404 ? 0 : numberOf(okay(read).body));
    }
    const changed = change(values);
    for (const [i, key] of keys.entries()) {
      const written = await request('PUT', `${path}/keys/${key}`, bytesOf(changed[i]!), textType);
      if (this.lost(written)) return { kind: 'conflict', tries: 1 };
      okay(written, 204);
    }
    const answer = await request('POST', `${path}/commit`, noContent);
    if (this.lost(answer)) return { kind: 'conflict', tries: 1 };
    okay(answer);
    return { kind: 'committed', tries: 1 };
  }

  /** Whether the transaction was overtaken and has certainly not committed. */
  private lost({ status, head, body }: HttpAnswer): boolean {
    if (status !== 409) return false;
    const problem = JSON.parse(body.toString('utf8')) as { outcome: string };
    if (problem.outcome !== 'not-committed') return false;
    this.token = headerOf(head, 'meridian-causality');
    return true;
  }
}

function bind(connection: HttpConnection): Pick<HttpConnection, 'request'> {
  return { request: connection.request.bind(connection) };
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function okay(answer: HttpAnswer, status = 200): HttpAnswer {
  if (answer.status === status) return answer;
  const code = /"code":"(\w+)"/.exec(answer.body.toString('utf8'))?.[1] ?? '';
  throw new Error(`HTTP ${answer.status} ${code}`);
}

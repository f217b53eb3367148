import { keyToText, type Key } from '../../../src/model/keys.js';
import { parseGtid } from '../../../src/model/gtid.js';
import type {
  InteractiveTransaction,
  KeyspaceService,
  MutationRequest,
} from '../../../src/transaction/service.js';
import type { Isolation } from '../../../src/model/write-set.js';
import type { Result } from '../../../src/model/errors.js';
import { lost, type SimNode } from '../world/sim-node.js';
import type { Client } from './client.js';
import type { Sent } from './history.js';
import { observedRange, seen, type Observed } from './observed.js';
import { accounts, anyKey, fundsEach, pickIsolation, pickMutation, pickRange } from './requests.js';

/** An interactive transaction as its client holds it. An operation that fails, in whatever way, ends it. */
class Session {
  readonly sent: Sent;
  readonly #client: Client;
  readonly #node: SimNode;
  readonly #mutations: MutationRequest[] = [];

  constructor(
    client: Client,
    node: SimNode,
    begun: Pick<Sent, 'keyspace' | 'id' | 'isolation' | 'knownBefore' | 'snapshot'>,
  ) {
    this.#client = client;
    this.#node = node;
    const nothing = { checks: [], requested: [], snapshotMin: 0 };
    this.sent = { ...begun, ...nothing, mutations: this.#mutations, reads: [], words: [] };
  }

  static async begin(client: Client, keyspace: string, isolation: Isolation): Promise<Session | undefined> {
    const node = client.pickNode();
    const freshness = client.pickFreshness(keyspace);
    const promised = client.promise(node, keyspace, freshness);
    const begun = await client.call(node, keyspace, (service) =>
      service.begin({ ...freshness, isolation, idleTimeoutMs: client.random.chance(0.05) ? 25 : undefined }),
    );
    if (begun === lost) return undefined;
    if (!begun.ok) return void client.history.count(begun.failure.code);
    const { id, snapshot } = begun.value;
    client.sawSnapshot(keyspace, snapshot, promised);
    client.history.count('transactions');
    const { knownBefore } = promised;
    return new Session(client, node, {
      keyspace,
      id,
      isolation,
      knownBefore,
      snapshot: parseGtid(snapshot)!.seqno,
    });
  }

  /** Undefined: it failed. A first read is what the transaction depends on; later ones must show its own writes. */
  async get(key: Key): Promise<{ readonly text: string | undefined } | undefined> {
    const value = await this.#operate((transaction) => transaction.get(key));
    if (value === undefined) return undefined;
    const shown = seen(value.value);
    if (!this.#mutations.some((mutation) => touches(mutation, key)))
      this.#note({ kind: 'key', key, seen: shown });
    return { text: shown?.text };
  }

  async list(): Promise<boolean> {
    const { random } = this.#client;
    const range = pickRange(random);
    const options = { limit: random.between(1, 12), reverse: random.chance(0.3) };
    const page = await this.#operate((transaction) => transaction.list(range, options));
    // With own writes in it a page is not what the log shows; the certifier's tests look at that.
    if (page !== undefined && this.#mutations.length === 0)
      this.#note(observedRange(range, page.value, options.reverse));
    return page !== undefined;
  }

  async mutate(mutation: MutationRequest): Promise<boolean> {
    const done = await this.#operate((transaction) => transaction.mutate(mutation));
    if (done === undefined) return false;
    this.#mutations.push(mutation);
    if (mutation.kind !== 'set') return true;
    const own = await this.get(mutation.key);
    const text = `bytes ${Buffer.from(mutation.bytes).toString()}`;
    const about = `${this.sent.id} wrote ${text} to ${keyToText(mutation.key)} and reads ${own?.text}`;
    this.#client.history.expect(own === undefined || own.text === text, () => about);
    return own !== undefined;
  }

  async commit(): Promise<void> {
    const client = this.#client;
    const { sent } = this;
    const { keyspace, id, snapshot, reads } = sent;
    if (this.#mutations.length === 0) {
      client.history.readOnly.push({ keyspace, snapshot: snapshot!, reads });
      await client.call(this.#node, keyspace, (service) => service.commit(id));
      return;
    }
    client.history.sent.push(sent);
    // Somebody else may have resolved it before.
    if (client.careless && client.random.chance(0.04)) await client.resolve(sent, client.anyNode());
    const answer = await client.call(this.#node, keyspace, (service) => service.commit(id));
    if (client.answered(sent, this.#node, answer) === 'unknown') await client.settle(sent, undefined);
  }

  async rollback(): Promise<void> {
    await this.#client.call(this.#node, this.sent.keyspace, (service) => service.rollback(this.sent.id));
  }

  #note(read: Observed): void {
    this.sent.reads.push(read);
  }

  async #operate<T>(
    operation: (t: InteractiveTransaction) => Promise<Result<T>>,
  ): Promise<{ value: T } | undefined> {
    const client = this.#client;
    await client.world.delay(client.random.between(0, 40));
    const answer = await client.call(this.#node, this.sent.keyspace, async (service: KeyspaceService) => {
      const open = service.open(this.sent.id);
      return open.ok ? operation(open.value) : open;
    });
    if (answer === lost) return undefined;
    if (answer.ok) return { value: answer.value };
    client.history.count(answer.failure.code);
    return undefined;
  }
}

function touches(mutation: MutationRequest, key: Key): boolean {
  if (mutation.kind !== 'deleteRange') return mutation.key === key;
  const { start, end } = mutation.range;
  return start <= key && (end === undefined || key < end);
}

/** Reads points and ranges, then writes, in either isolation. */
export async function readAndWrite(client: Client, keyspace: string): Promise<void> {
  const { random } = client;
  const session = await Session.begin(client, keyspace, pickIsolation(random));
  if (session === undefined) return;
  const mark = `${client.name}-${client.history.sent.length}`;
  for (let left = random.between(1, 3); left > 0; left--) {
    const done = random.chance(0.6)
      ? (await session.get(random.pick(anyKey))) !== undefined
      : await session.list();
    if (!done) return;
  }
  for (let left = random.between(0, 2); left > 0; left--) {
    if (!(await session.mutate(pickMutation(random, mark)))) return;
  }
  if (random.chance(0.05)) await session.rollback();
  else await session.commit();
}

/** Moves funds between two accounts; their total stays. */
export async function transfer(client: Client, keyspace: string): Promise<void> {
  const { random } = client;
  const session = await Session.begin(client, keyspace, pickIsolation(random));
  if (session === undefined) return;
  const from = random.pick(accounts);
  const to = random.pick(accounts.filter((account) => account !== from));
  const amount = random.between(1, 20);
  for (const [account, change] of [
    [from, -amount],
    [to, amount],
  ] as const) {
    const before = await session.get(account);
    if (before === undefined) return;
    const funds = before.text === undefined ? fundsEach : Number(before.text.slice('bytes '.length));
    const bytes = Buffer.from(String(funds + change));
    if (
      !(await session.mutate({
        kind: 'set',
        key: account,
        bytes,
        contentType: 'text/plain',
        ttlMs: undefined,
      }))
    )
      return;
  }
  await session.commit();
}

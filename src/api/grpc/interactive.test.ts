import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { InProcessCluster } from '../../../test/support/in-process-cluster.js';
import { add, key, local, oneShot, put, valueOf } from '../../../test/support/requests.js';
import { SessionClient } from '../../../test/support/session-client.js';
import type { MutationRequest } from '../../transaction/service.js';
import type { Method, ReplyResult } from '../../transport/public-api/messages.js';

let cluster: InProcessCluster;
let client: SessionClient;
beforeAll(async () => {
  cluster = await InProcessCluster.start();
});
beforeEach(() => {
  client = new SessionClient(cluster.node('east'), { runtime: cluster.runtime });
});
afterEach(() => client.stream.close('the test is over'));
afterAll(() => cluster.stop());

async function begin(): Promise<string> {
  const begun = await client.call(1, {
    ...{ kind: 'begin', keyspace: 'default', isolation: 'serializable', idleTimeoutMs: 0 },
    freshness: { causal: false, token: '', timeoutMs: 0 },
  });
  if (begun.kind !== 'begin') throw new Error(`not begun: ${begun.kind}`);
  return begun.reply.transactionId;
}

const commitOf = (transactionId: string, ...mutations: MutationRequest[]): Method => ({
  ...{ kind: 'commit', keyspace: 'default', transactionId, mutations },
});
const codeOf = (result: ReplyResult): string =>
  result.kind === 'failure' ? result.failure.code : result.kind;

async function counterAt(name: string): Promise<bigint | undefined> {
  const { values } = valueOf(await cluster.keyspace('east').read([key(name)], local));
  const value = values[0]?.value;
  return value?.kind === 'counter' ? value.count : undefined;
}

it('of two COMMITs with mutations in one turn one brings its mutations', async () => {
  const id = await begin();
  client.send(
    { id: 2, method: commitOf(id, add('twice'), put('a')) },
    { id: 3, method: commitOf(id, add('twice'), put('a')) },
  );
  const answers = [await client.reply(2), await client.reply(3)];
  expect(answers.map(codeOf)).toEqual(['commit', 'TRANSACTION_FINISHED']);
  expect(await counterAt('twice')).toBe(1n);
});

it('a COMMIT whose mutation is refused leaves the transaction open', async () => {
  valueOf(await cluster.keyspace('east').transact(oneShot({ mutations: [put('text')] })));
  const id = await begin();
  expect(codeOf(await client.call(2, commitOf(id, add('text'))))).toBe('TYPE_MISMATCH');
  expect(codeOf(await client.call(3, commitOf(id, put('c'))))).toBe('commit');
});

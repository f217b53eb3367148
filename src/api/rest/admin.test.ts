import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeHistory } from '../../../test/support/http-fake-node.js';
import { HttpHarness } from '../../../test/support/http-harness.js';
import { failure } from '../../model/errors.js';
import { nodeId, seqno } from '../../model/ids.js';
import { systemClock } from '../../runtime/system/clock.js';
import type { CheckStatus, JoinStatus } from '../../transaction/service.js';

const url = '/v1/admin/keyspaces/default';
const paths = [
  ['GET', url],
  ['POST', `${url}/rejoin`],
  ['GET', `${url}/recovery`],
  ['POST', `${url}/recovery`],
  ['POST', `${url}/check`],
  ['POST', `${url}/forget-node`],
] as const;

let http: HttpHarness;
const admin = () => http.node.admin('default')!;
const join: JoinStatus = {
  by: 'snapshot',
  why: 'the store is empty',
  donor: nodeId('eu-west-1'),
  phase: 'copying',
  bytes: 10,
  bytesTotal: 40,
  bytesPerSecond: 2.5,
  startedMs: 1_700_000_000_000,
  heldUpBy: undefined,
};
const kept = { oldestPosition: 3, entriesBytes: 900, outcomes: 7, outcomesBytes: 700, idFloorMs: 0 };
const check: CheckStatus = {
  mark: 'us-east-1-7',
  position: 7,
  seqno: seqno(5),
  verdict: 'equal',
  detail: 'all of 2 nodes agree',
  hash: 'ab'.repeat(32),
  startedMs: 1_700_000_000_000,
};

function ask(method: string, path: string, headers: Record<string, string> = {}) {
  if (method === 'GET') return http.get(path, headers);
  const bodies: Record<string, object> = {
    recovery: { without: [] },
    'forget-node': { node: 'eu-west-1' },
  };
  const body = bodies[path.split('/').at(-1)!] ?? {};
  return http.post(path, body, headers);
}

describe('the admin API', () => {
  beforeEach(async () => {
    http = await HttpHarness.start();
  });
  afterEach(() => http.stop());

  it('shows a keyspace with what is set aside, also where it is not served', async () => {
    http.node.default.failure = failure('NODE_INCONSISTENT', 'damaged', { details: { state: 'damaged' } });
    http.node.default.statusChanges = { state: 'damaged', detail: 'a hole', join, kept, check };
    admin().copies.push('default.set-aside-1');
    const answer = await http.get(url);
    expect(answer.status).toBe(200);
    expect(answer.json()).toMatchObject({
      node: 'us-east-1',
      name: 'default',
      uuid: fakeHistory,
      state: 'damaged',
      detail: 'a hole',
      join: { by: 'snapshot', phase: 'copying', bytes: 10, bytesTotal: 40 },
      kept,
      check,
      setAside: ['default.set-aside-1'],
    });
  });

  it('has a node rejoin, with a body or without', async () => {
    const answer = await http.post(`${url}/rejoin`, {});
    expect(answer.status).toBe(202);
    expect(answer.json()).toEqual({ setAside: 'default.set-aside-20261122T054437Z' });
    expect((await http.send('POST', `${url}/rejoin`)).status).toBe(202);
    expect(admin().asked).toEqual([['rejoin'], ['rejoin']]);
  });

  it('plans a recovery without changing anything', async () => {
    const plan = await http.get(`${url}/recovery?without=eu-west-1`);
    expect(plan.json()).toEqual({
      copies: [
        { node: 'us-east-1', position: -1, seqno: 0, epoch: 0, state: 'damaged' },
        { node: 'eu-west-1', uuid: fakeHistory, position: 41, seqno: 40, epoch: 2, state: 'synced' },
      ],
      source: 'eu-west-1',
      seqno: 40,
      unproven: { fromPosition: 42, toPosition: 43 },
      warnings: ['ap-south-1 was not asked'],
    });
    await http.get(`${url}/recovery`);
    expect(admin().asked).toEqual([
      ['plan', ['eu-west-1']],
      ['plan', []],
    ]);
  });

  it('recovers, and says which history begins', async () => {
    const answer = await http.post(`${url}/recovery`, { without: ['eu-west-1', 'us-east-1'] });
    expect(answer.status).toBe(200);
    expect(answer.json()).toMatchObject({ uuidBefore: fakeHistory, seqnoBase: 1_000_000_000, seqno: 40 });
    expect(answer.json()['uuid']).not.toBe(fakeHistory);
    expect(admin().asked).toEqual([['recover', ['eu-west-1', 'us-east-1']]]);
  });

  it('begins a check', async () => {
    const answer = await http.post(`${url}/check`, {});
    expect([answer.status, answer.json()]).toEqual([202, { mark: 'us-east-1-7', position: 7 }]);
  });

  it('has a node forgotten, and takes no node that is not of the cluster for one', async () => {
    const answer = await http.post(`${url}/forget-node`, { node: 'eu-west-1' });
    expect([answer.status, answer.json()]).toEqual([200, { forgotten: 'eu-west-1' }]);
    const unknown = await http.post(`${url}/forget-node`, { node: 'eu-west' });
    expect(unknown.json()).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT', field: 'node' });
    expect(admin().asked).toEqual([['forget', ['eu-west-1']]]);
  });

  it('passes on why an operation is refused', async () => {
    admin().failure = failure('OPERATION_REFUSED', 'the keyspace is healthy');
    for (const [method, path] of paths.slice(1))
      expect((await ask(method, path)).json()).toMatchObject({
        status: 409,
        code: 'OPERATION_REFUSED',
        detail: 'the keyspace is healthy',
        retryable: false,
        outcome: 'not-committed',
      });
  });

  it('shows join, what is kept and the check wherever keyspaces are shown, and as metrics', async () => {
    http.node.default.statusChanges = { join, kept, check };
    for (const path of ['/v1/cluster', '/v1/keyspaces']) {
      const keyspaces = (await http.get(path)).json()['keyspaces'];
      expect(keyspaces).toMatchObject([{ join: { bytes: 10 }, kept, check }, { name: 'eu' }]);
    }
    const { text } = await http.get('/metrics');
    for (const line of [
      'join_bytes{keyspace="default"} 10',
      'join_total_bytes{keyspace="default"} 40',
      'join_bytes_per_second{keyspace="default"} 2.5',
      'join_phase{keyspace="default",phase="copying"} 1',
      'join_phase{keyspace="default",phase="done"} 0',
      'kept_entries_bytes{keyspace="default"} 900',
      'kept_oldest_position{keyspace="default"} 3',
      'kept_outcomes{keyspace="default"} 7',
      'kept_outcomes_bytes{keyspace="default"} 700',
      'check_equal{keyspace="default"} 1',
      'check_position{keyspace="default"} 7',
    ])
      expect(text).toContain(`meridian_keyspace_${line}\n`);
    expect(text).not.toMatch(/(join|kept|check|id_floor).*keyspace="eu"/);
    expect(text).not.toMatch(/id_floor_age_seconds\{/);
  });

  it('tells by metrics when nodes differ, how old the id floor is, and forgets what no longer holds', async () => {
    http.node.default.statusChanges = {
      check: { ...check, verdict: 'differs' },
      kept: { ...kept, idFloorMs: systemClock.nowMs() - 60_000 },
      join,
    };
    const { text } = await http.get('/metrics');
    expect(text).toContain('meridian_keyspace_check_equal{keyspace="default"} 0\n');
    const age = Number(/id_floor_age_seconds\{keyspace="default"\} (.*)\n/.exec(text)?.[1]);
    expect(age).toBeGreaterThanOrEqual(60);
    http.node.default.statusChanges = { check: { ...check, verdict: 'running' } };
    const later = (await http.get('/metrics')).text;
    expect(later).not.toMatch(/(check_equal|id_floor_age_seconds|join_phase)\{/);
  });
});

describe('bad input to the admin API', () => {
  beforeEach(async () => {
    http = await HttpHarness.start();
  });
  afterEach(async () => {
    expect(admin().asked, 'nothing is asked of the node').toEqual([]);
    await http.stop();
  });

  it.each([
    [{}, 'without'],
    [{ without: 'eu-west-1' }, 'without'],
    [{ without: [7] }, 'without[0]'],
    [{ without: ['eu-west'] }, 'without[0]'],
    [{ without: ['eu-west-1', 'eu-west-1'] }, 'without[1]'],
    [{ without: [], force: true }, 'force'],
    [[], 'body'],
    [null, 'body'],
  ])('in the body of a recovery: %j', async (body, field) => {
    const answer = await http.post(`${url}/recovery`, body);
    expect(answer.json()).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT', field });
  });

  it('as a recovery without a body: nothing so grave is done by a request without content', async () => {
    const answer = await http.send('POST', `${url}/recovery`);
    expect(answer.json()).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT', field: 'body' });
  });

  it.each([
    ['?without=eu-west', 'query.without'],
    ['?without=', 'query.without'],
    ['?without=eu-west-1,', 'query.without'],
    ['?without=eu-west-1&without=us-east-1', 'query.without'],
    ['?with=eu-west-1', 'query.with'],
  ])('in the query of a plan: %s', async (query, field) => {
    const answer = await http.get(`${url}/recovery${query}`);
    expect(answer.json()).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT', field });
  });

  it.each(['rejoin', 'check'])('in the body of %s', async (operation) => {
    const answer = await http.post(`${url}/${operation}`, { at: 'eu-west-1' });
    expect(answer.json()).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT', field: 'at' });
    const text = await http.send('POST', `${url}/${operation}`, {
      headers: { 'content-type': 'text/plain' },
      payload: '{}',
    });
    expect(text.json()).toMatchObject({ status: 415, field: 'header.Content-Type' });
  });

  it('as a keyspace, a path or a method that is none', async () => {
    for (const [method, path] of paths) {
      const answer = await ask(method, path.replace('default', '__proto__'));
      expect(answer.json()).toMatchObject({ status: 404, code: 'KEYSPACE_NOT_FOUND' });
    }
    expect((await http.get('/v1/admin/keyspaces')).status).toBe(404);
    const answer = await http.send('DELETE', `${url}/rejoin`);
    expect([answer.status, answer.headers['allow']]).toEqual([405, 'POST']);
  });
});

describe('who is let in to the admin API', () => {
  afterEach(() => http.stop());

  const answers = async (authorization?: string) => {
    const given = authorization === undefined ? {} : { authorization: `Bearer ${authorization}` };
    const all = await Promise.all(paths.map(([method, path]) => ask(method, path, given)));
    const [first] = all;
    expect(all.every(({ status }) => (first!.status < 300 ? status < 300 : status === first!.status))).toBe(
      true,
    );
    return first!;
  };

  it('is everyone where no tokens are', async () => {
    http = await HttpHarness.start();
    expect((await answers()).status).toBe(200);
  });

  it('is who has an admin token, and it opens nothing else', async () => {
    http = await HttpHarness.start({ tokens: ['app'], adminTokens: ['root', 'other'] });
    expect((await answers('root')).status).toBe(200);
    expect((await answers('other')).status).toBe(200);
    expect((await answers()).json()).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' });
    expect((await answers('wrong')).status).toBe(401);
    expect((await answers('app')).json()).toMatchObject({ status: 403, code: 'PERMISSION_DENIED' });
    expect((await http.get('/v1/cluster', { authorization: 'Bearer root' })).status).toBe(401);
    expect((await http.get('/v1/cluster', { authorization: 'Bearer app' })).status).toBe(200);
  });

  it('is who has an admin token, also where apps need none', async () => {
    http = await HttpHarness.start({ adminTokens: ['root'] });
    expect((await answers()).status).toBe(401);
    expect((await answers('root')).status).toBe(200);
    expect((await http.get('/v1/cluster')).status).toBe(200);
  });

  it('is nobody where apps need tokens and no admin has one, and the refusal names the setting', async () => {
    http = await HttpHarness.start({ tokens: ['app'] });
    const refused = await answers('app');
    expect(refused.json()).toMatchObject({ status: 403, code: 'PERMISSION_DENIED' });
    expect(refused.json()['detail']).toContain('adminTokens');
    expect(refused.headers['meridian-causality']).toBeUndefined();
    expect((await answers()).status).toBe(401);
    expect(admin().asked).toEqual([]);
  });
});

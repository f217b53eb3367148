import { Registry } from 'prom-client';
import { afterEach, describe, expect, it } from 'vitest';
import { HttpHarness } from '../../../test/support/http-harness.js';
import { failure, type ErrorCode } from '../../model/errors.js';
import { limits } from '../../model/limits.js';
import { errorCodes } from '../errors.js';

let http: HttpHarness | undefined;
afterEach(() => http?.stop());

const key = '/v1/keyspaces/default/keys/a';

describe('tokens', () => {
  it('let in who has one, and everyone to the probes', async () => {
    http = await HttpHarness.start({ tokens: ['first', 'second'] });
    const status = async (url: string, authorization?: string) =>
      (await http!.get(url, authorization === undefined ? {} : { authorization })).status;
    expect(await status(key, 'Bearer first')).toBe(404);
    expect(await status('/v1/cluster', 'bearer second')).toBe(200);
    for (const wrong of [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      'Bearer firs',
      'Bearer firstx',
      'Basic first',
      'first',
    ]) {
      expect(await status(key, wrong)).toBe(401);
      expect(await status('/nowhere', wrong)).toBe(401);
      expect(await status('/livez', wrong)).toBe(200);
      expect(await status('/readyz', wrong)).toBe(200);
    }
    const refused = await http.put(key, 'x');
    expect(refused.json()).toMatchObject({ status: 401, code: 'UNAUTHENTICATED' });
    expect(refused.headers['www-authenticate']).toMatch(/^Bearer/);
    expect(refused.headers['meridian-causality']).toBeUndefined();
    expect(http.node.default.transacted).toEqual([]);
  });
});

describe('probes', () => {
  it('ask what a request would: reads, writes, one keyspace or all', async () => {
    http = await HttpHarness.start();
    expect((await http.get('/livez')).json()).toEqual({ status: 'alive' });
    expect((await http.get('/readyz')).status).toBe(200);
    http.node.eu.statusChanges = { writable: false, detail: 'no sequencer' };
    expect((await http.get('/readyz?for=read')).status).toBe(200);
    expect((await http.get('/readyz?for=write&keyspace=default')).status).toBe(200);
    const writes = await http.get('/readyz?for=write');
    expect(writes.json()).toMatchObject({
      status: 503,
      code: 'NODE_NOT_READY',
      keyspaces: [
        { name: 'default', ready: true },
        { name: 'eu', ready: false, state: 'synced', detail: 'no sequencer' },
      ],
    });
    http.node.eu.failure = failure('NODE_NOT_READY', 'joining', { details: { state: 'joining' } });
    expect((await http.get('/readyz')).status).toBe(503);
    expect((await http.get('/readyz?keyspace=zz')).json()).toMatchObject({ code: 'KEYSPACE_NOT_FOUND' });
    expect((await http.get('/readyz?for=all')).json()).toMatchObject({ field: 'query.for' });
  });

  it('send no traffic to a node that drains', async () => {
    http = await HttpHarness.start();
    http.node.draining = true;
    expect((await http.get('/readyz')).json()).toMatchObject({ status: 503, state: 'draining' });
    expect((await http.get('/livez')).status).toBe(200);
  });
});

describe('the cluster', () => {
  it('shows nodes, lag, keyspaces and limits', async () => {
    http = await HttpHarness.start();
    await http.put(key, 'x');
    expect((await http.get('/v1/cluster')).json()).toMatchObject({
      cluster: 'test',
      node: 'us-east-1',
      nodes: [{ node: 'us-east-1' }, { node: 'eu-west-1', reachable: false, keyspaces: [{ lag: 1 }] }],
      keyspaces: [{ name: 'default', applied: 1 }, { name: 'eu' }],
      limits,
    });
    expect((await http.get('/v1/keyspaces')).json()).toMatchObject({
      keyspaces: [{ name: 'default', home: 'us-east', state: 'synced', applied: 1, tail: 1 }, { name: 'eu' }],
    });
    expect((await http.get('/v1/keyspaces/default/state-hash')).json()).toMatchObject({ keys: 1 });
  });
});

describe('metrics', () => {
  it('count requests by route, never by path, and show every keyspace', async () => {
    const registry = new Registry();
    http = await HttpHarness.start({ registry });
    for (const name of ['a', 'b', 'c']) await http.get(`/v1/keyspaces/default/keys/${name}`);
    await http.get('/nowhere/at/all');
    const { text } = await http.get('/metrics');
    expect(text).toContain(
      'meridian_http_request_duration_seconds_count{method="GET",route="/v1/keyspaces/:keyspace/keys/*",status="404"} 3',
    );
    expect(text).toContain('route="none",status="404"} 1');
    expect(text).not.toContain('nowhere');
    expect(text).toContain('meridian_keyspace_applied_seqno{keyspace="eu"} 0');
    expect(text).toContain('meridian_keyspace_state{keyspace="default",state="synced"} 1');
    expect(registry.getSingleMetric('meridian_keyspace_writable')).toBeDefined();
  });
});

describe('/openapi.json', () => {
  interface Operation {
    readonly operationId: string;
    readonly summary: string;
    readonly responses: Readonly<Record<string, { readonly description: string }>>;
  }

  it('is OpenAPI 3.1 with every route', async () => {
    http = await HttpHarness.start();
    const document = (await http.get('/openapi.json')).json() as unknown as {
      openapi: string;
      paths: Record<string, Record<string, Operation>>;
      components: { schemas: { Problem: { properties: { code: { enum: string[] } } } } };
    };
    expect(document.openapi).toBe('3.1.0');
    const ofKeyspace = '/v1/keyspaces/{keyspace}';
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(described.sort()).toEqual(
      [
        'GET /livez',
        'GET /readyz',
        'GET /metrics',
        'GET /openapi.json',
        'GET /v1/cluster',
        'GET /v1/keyspaces',
        'GET /v1/admin/keyspaces/{keyspace}',
        'POST /v1/admin/keyspaces/{keyspace}/rejoin',
        ...['GET', 'POST'].map((method) => `${method} /v1/admin/keyspaces/{keyspace}/recovery`),
        'POST /v1/admin/keyspaces/{keyspace}/check',
        'POST /v1/admin/keyspaces/{keyspace}/forget-node',
        `GET ${ofKeyspace}/state-hash`,
        `GET ${ofKeyspace}/changes`,
        `GET ${ofKeyspace}/keys`,
        ...['GET', 'HEAD', 'PUT', 'DELETE'].map((method) => `${method} ${ofKeyspace}/keys/{key}`),
        `POST ${ofKeyspace}/transact`,
        `POST ${ofKeyspace}/transactions`,
        `GET ${ofKeyspace}/transactions/{id}`,
        `POST ${ofKeyspace}/transactions/{id}/commit`,
        `POST ${ofKeyspace}/transactions/{id}/rollback`,
        `POST ${ofKeyspace}/transactions/{id}/mutations`,
        `GET ${ofKeyspace}/transactions/{id}/keys`,
        ...['GET', 'PUT', 'DELETE'].map((method) => `${method} ${ofKeyspace}/transactions/{id}/keys/{key}`),
      ].sort(),
    );
    const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    expect(operations.every(({ summary }) => summary.length > 0)).toBe(true);
  });

  it('has every code of the catalogue in Problem, and at a route all that HTTP gives today', async () => {
    http = await HttpHarness.start();
    const text = (await http.get('/openapi.json')).text;
    const document = JSON.parse(text) as {
      paths: Record<string, Record<string, Operation>>;
      components: { schemas: { Problem: { properties: { code: { enum: string[] } } } } };
    };
    expect(document.components.schemas.Problem.properties.code.enum).toEqual(errorCodes);
    const mentioned = new Set(
      Object.values(document.paths)
        .flatMap((methods) => Object.values(methods))
        .flatMap(({ responses }) => Object.values(responses))
        .flatMap(({ description }) => description.split(', ')),
    );
    const notYet: ErrorCode[] = ['RATE_LIMITED'];
    expect(errorCodes.filter((code) => !mentioned.has(code)).sort()).toEqual(notYet);
  });
});

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InProcessCluster } from '../../test/support/in-process-cluster.js';
import { rejection } from '../../test/support/client-world.js';
import { addGrpcApi } from '../api/grpc/server.js';
import { connect, type ConnectOptions } from './connect.js';
import type { Client } from './client.js';

let cluster: InProcessCluster;
const servers = new Map<string, Server>();
const endpoints: string[] = [];

beforeEach(async () => {
  cluster = await InProcessCluster.start({ speed: 1 });
  for (const node of cluster.nodeIds()) {
    const server = new Server();
    addGrpcApi(server, { node: cluster.node(node), runtime: cluster.runtime, tokens: ['secret'] });
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    servers.set(node, server);
    endpoints.push(`127.0.0.1:${port}`);
  }
});

afterEach(async () => {
  for (const server of servers.values()) server.forceShutdown();
  servers.clear();
  endpoints.length = 0;
  await cluster.stop();
});

function open(options: Partial<ConnectOptions> = {}): Promise<Client> {
  return connect({ endpoints, token: 'secret', ...options });
}

describe('over gRPC', () => {
  it('reads, writes, transacts and watches', async () => {
    await using client = await open();
    const watch = client.watch<number>({ prefix: 'a' });
    await watch.ready;
    const { gtid } = await client.set('a', 1);
    expect(await client.get('a')).toMatchObject({ value: 1 });
    const done = await client.transact(async (tx) => {
      const a = await tx.get<number>('a');
      tx.set('a', a!.value + 1);
    });
    const events = [await watch.next(), await watch.next()];
    expect(events.map(({ value }) => value?.gtid)).toEqual([gtid, done.gtid]);
    expect(await client.outcomeOf(done.transactionId)).toMatchObject({
      state: 'committed',
      commit: { gtid: done.gtid },
    });
    watch.close();
  });

  it('takes the largest values, many at a time', async () => {
    await using client = await open();
    const large = (fill: number) => new Uint8Array(800 * 1024).fill(fill);
    await Promise.all([1, 2, 3, 4, 5, 6].map((i) => client.set(`large/${i}`, large(i))));
    const found: number[] = [];
    for await (const { value } of client.list<Uint8Array>({ prefix: 'large/' })) {
      expect(value).toHaveLength(800 * 1024);
      found.push(value[9]!);
    }
    expect(found).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('goes on at another node when its own is gone', async () => {
    await using client = await open();
    const watch = client.watch();
    await watch.ready;
    await client.set('a', 1);
    const region = client.region!;
    servers.get(region)!.forceShutdown();
    await Promise.all(Array.from({ length: 20 }, () => client.sum('n', 1)));
    expect(client.region).not.toBe(region);
    expect(await client.get('n', { causal: true })).toMatchObject({ value: 20n });
    let last: unknown;
    for await (const { changes } of watch) {
      for (const change of changes) if (change.kind === 'set') last = change.value;
      if (last === 20n) break;
    }
    expect(last).toBe(20n);
  });

  it('is refused without the right token', async () => {
    for (const token of ['wrong', undefined]) {
      const options = { endpoints, ...(token === undefined ? {} : { token }) };
      expect(await rejection(connect(options))).toMatchObject({
        code: 'UNAUTHENTICATED',
        name: 'AccessError',
      });
    }
  });

  it('is refused without a list of host:port, and then holds no process', async () => {
    const wrong: unknown[] = [[], endpoints[0], [`http://${endpoints[0]}`], ['localhost'], [7], undefined];
    const timers = process.getActiveResourcesInfo().length;
    for (const refused of wrong) {
      const error = await rejection(connect({ endpoints: refused as string[] }));
      expect(error, String(refused)).toBeInstanceOf(TypeError);
    }
    expect(process.getActiveResourcesInfo()).toHaveLength(timers);
  });

  it('names the gRPC port when what answers speaks HTTP/1', async () => {
    const http = createServer((_, response) => response.end());
    await new Promise<void>((listening) => http.listen(0, '127.0.0.1', listening));
    const { port } = http.address() as AddressInfo;
    try {
      const error = await rejection(connect({ endpoints: [`127.0.0.1:${port}`], connectTimeoutMs: 1000 }));
      expect(error).toMatchObject({ code: 'NO_NODE_REACHABLE' });
      expect((error as Error).message).toMatch(/speaks no HTTP\/2.*gRPC port/);
    } finally {
      http.close();
    }
  });

  it('tells a watch of its error', async () => {
    await using client = await open();
    const watch = client.watch({ from: 'ffffffff-0000-4000-8000-000000000001:1' });
    expect(await rejection(watch.next())).toMatchObject({ code: 'HISTORY_MISMATCH' });
  });
});

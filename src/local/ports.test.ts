import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { nodeId, regionId } from '../model/ids.js';
import { freePorts, listenersOf, portsFrom, refuseTakenPorts } from './ports.js';

it('counts ports from a first one', () => {
  expect(portsFrom(100, 2)).toEqual([
    { http: 100, peer: 102 },
    { http: 101, peer: 103 },
  ]);
});

it('ends at the highest port', () => {
  expect(portsFrom(65_530, 3)[2]).toEqual({ http: 65_532, peer: 65_535 });
  for (const first of [65_531, 0, -1, 1.5, Number.NaN])
    expect(() => portsFrom(first, 3)).toThrow(`Ports must be from 1 to 65530, not ${first}.`);
  expect(() => portsFrom(65_530, 3, 6)).toThrow('Ports must be from 1 to 65524, not 65530.');
});

it('names every address that is taken, and whose it should be', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const address = { host: '127.0.0.1', port };
  const node = {
    id: nodeId('a'),
    region: regionId('r'),
    http: address,
    peer: { host: '127.0.0.1', port: 0 },
  };
  await expect(refuseTakenPorts(listenersOf([node]), 'c.yaml')).rejects.toThrow(
    `The cluster cannot listen:\n  127.0.0.1:${port} (http of a) is in use by another process\nStop what listens there, change c.yaml`,
  );
  await new Promise((resolve) => server.close(resolve));
  await expect(refuseTakenPorts(listenersOf([node]), 'c.yaml')).resolves.toBeUndefined();
});

it('finds free ports that no outgoing connection is given', async () => {
  const ports = await freePorts(30);
  expect(new Set(ports).size).toBe(30);
  expect(Math.max(...ports)).toBeLessThan(32_768);
  const servers = await Promise.all(
    ports.map(async (port) => {
      const server = createServer().listen(port, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
});

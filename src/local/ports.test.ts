import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { nodeId, regionId } from '../model/ids.js';
import { portsFrom, refuseTakenPorts } from './ports.js';

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
  await expect(refuseTakenPorts([node], 'c.yaml')).rejects.toThrow(
    `The cluster cannot listen:\n  127.0.0.1:${port} (http of a) is in use by another process\nStop what listens there, change c.yaml`,
  );
  await new Promise((resolve) => server.close(resolve));
  await expect(refuseTakenPorts([node], 'c.yaml')).resolves.toBeUndefined();
});

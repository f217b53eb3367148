import { createServer, type AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { refusesConnections } from './refused-connections.js';

it('a port on which nothing listens refuses connections, one on which a process listens does not', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  expect(await refusesConnections(address)).toBe(false);
  await new Promise((resolve) => server.close(resolve));
  expect(await refusesConnections(address)).toBe(true);
});

it('an address that cannot be found proves nothing', async () => {
  expect(await refusesConnections('nobody.invalid:9101')).toBe(false);
});

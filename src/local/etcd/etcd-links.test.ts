import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { eventually } from '../../../test/support/eventually.js';
import { ManualTime } from '../../../test/support/manual-time.js';
import { parseClusterFile } from '../../server/config/cluster-file.js';
import type { Address } from '../../server/config/address.js';
import { nodeId } from '../../model/ids.js';
import { freePorts } from '../ports.js';
import { openEtcdLinks, type EtcdLinks } from './etcd-links.js';

const parsed = parseClusterFile(
  'cluster.yaml',
  `name: local
regions:
  us: { nodes: [{ id: us, http: '127.0.0.1:1', peer: '127.0.0.1:2' }] }
  eu: { nodes: [{ id: eu, http: '127.0.0.1:3', peer: '127.0.0.1:4' }] }
keyspaces: { default: { home: us } }
wan: { roundTripMs: { us: { eu: 80 } } }
`,
);
if (!parsed.ok) throw new Error('the file is wrong');
const cluster = parsed.value;
const [us, eu] = [cluster.regions[0]!.id, cluster.regions[1]!.id];
/** A member of us and one of eu; hexadecimal a1 and b2. */
const ids = { us: '161', eu: '178' };

const closing: (() => Promise<unknown> | void)[] = [];
let time: ManualTime;
let links: EtcdLinks;
let usMember: { readonly client: Address; readonly peer: Address; readonly heard: Map<number, string> };

beforeEach(async () => {
  time = new ManualTime();
  const heard = new Map<number, string>();
  const [client, peerListen] = [await listener(heard), await listener(heard)];
  const [peer, unused] = (await freePorts(2)).map((port) => ({ host: '127.0.0.1', port }));
  usMember = { client, peer: peer!, heard };
  const members = [
    { region: us, id: ids.us, client, peer: peer!, peerListen },
    { region: eu, id: ids.eu, client, peer: unused!, peerListen },
  ];
  links = await openEtcdLinks(cluster, members, time);
  closing.push(() => links.close());
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Notes what each connection said, by its number. */
async function listener(heard: Map<number, string>): Promise<Address> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    const n = heard.size;
    heard.set(n, '');
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes) => heard.set(n, heard.get(n)! + bytes.toString()));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(async () => {
    sockets.forEach((socket) => socket.destroy());
    await new Promise((resolve) => server.close(resolve));
  });
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

function say(to: Address, ...parts: readonly string[]): Socket {
  const socket = connect(to);
  socket.on('error', () => {});
  closing.push(() => void socket.destroy());
  parts.forEach((part) => socket.write(part));
  return socket;
}

async function arrivesAfter(oneWayMs: number, text: string): Promise<void> {
  await eventually(() => time.waiting > 0);
  if (oneWayMs > 0) {
    time.advance(oneWayMs - 1);
    expect(usMember.heard.size).toBe(0);
  }
  await eventually(() => {
    time.advance(oneWayMs);
    expect(usMember.heard.get(0)).toBe(text);
  });
}

it('gives a node a long link to members of other regions only', () => {
  expect(links.addressOf(nodeId('us'), 0)).toBeUndefined();
  expect(links.addressOf(nodeId('eu'), 1)).toBeUndefined();
  expect(links.addressOf(nodeId('eu'), 0)).toMatchObject({ host: '127.0.0.1' });
});

it('lets a node of another region wait', async () => {
  say(links.addressOf(nodeId('eu'), 0)!, 'hello');
  await arrivesAfter(40, 'hello');
});

it('tells by the first request which member dials, and passes all of it on', async () => {
  const parts = ['GET /raft HTTP/1.1\r\nHost: x\r\nX-Ser', 'ver-From: b2\r\n\r\nbody'];
  say(usMember.peer, ...parts);
  await arrivesAfter(40, parts.join(''));
});

it.each(['X-Server-From: a1\r\n', 'X-Server-From: 99\r\n', ''])(
  'adds no distance for a member of the same region, or whoever does not say who it is (%j)',
  async (header) => {
    const request = `GET /raft HTTP/1.1\r\n${header}\r\n`;
    say(usMember.peer, request);
    await arrivesAfter(0, request);
  },
);

it('lets go of a connection that ends before it says who it is', async () => {
  const socket = say(usMember.peer, 'GET ');
  socket.end();
  await once(socket.resume(), 'close');
  expect(usMember.heard.size).toBe(0);
});

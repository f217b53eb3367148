import { connect as connectTls, type TLSSocket } from 'node:tls';
import { Client, credentials, type handleUnaryCall, type MethodDefinition } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { TestAuthority, type IssuedPem } from '../../../test/support/certificates.js';
import { eventually } from '../../../test/support/eventually.js';
import { nodeId, type NodeId } from '../../model/ids.js';
import { silentLogger, type LogFields, type Runtime } from '../../runtime/runtime.js';
import { createSystemRuntime } from '../../runtime/system/runtime.js';
import type { PeerStream } from '../peer-transport.js';
import { createGrpcPeerTransport, type GrpcPeerTransport } from './grpc-peer-transport.js';
import { PeerTls } from './peer-tls.js';

const east = nodeId('east');
const west = nodeId('west');

const authorities: TestAuthority[] = [];
let ours: TestAuthority;
let ofEast: IssuedPem;
let ofWest: IssuedPem;
let ofApp: IssuedPem;
beforeAll(async () => {
  ours = await TestAuthority.create();
  authorities.push(ours);
  ofEast = await ours.issuePem('east', 'DNS:east', 'IP:127.0.0.1');
  ofWest = await ours.issuePem('west', 'DNS:west', 'DNS:west.example.com', 'IP:127.0.0.1');
  ofApp = await ours.issuePem('app');
});
afterAll(() => Promise.all(authorities.map((authority) => authority.remove())));

const running: GrpcPeerTransport[] = [];
const clients: Client[] = [];
const sockets: TLSSocket[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(running.splice(0).map((transport) => transport.stop()));
});

interface Given {
  readonly tls?: PeerTls;
  readonly port?: number;
  readonly runtime?: Runtime;
}

const quiet = createSystemRuntime(silentLogger);

function transport(self: NodeId, { tls, port = 1, runtime = quiet }: Given): GrpcPeerTransport {
  const addresses = new Map([
    [east, `127.0.0.1:${port}`],
    [west, `127.0.0.1:${port}`],
  ]);
  const created = createGrpcPeerTransport({
    ...{ cluster: 'test', self, addresses, listen: '127.0.0.1:0', runtime, tls, openTimeoutMs: 10_000 },
  });
  running.push(created);
  return created;
}

/** West with its certificate, echoing what peers and apps send. */
async function accepting(): Promise<{
  readonly port: number;
  readonly accepted: NodeId[];
  readonly warnings: string[];
  readonly tls: PeerTls;
}> {
  const accepted: NodeId[] = [];
  const warnings: string[] = [];
  const logger = {
    ...silentLogger,
    warn: (_fields: LogFields, message: string) => void warnings.push(message),
  };
  const tls = new PeerTls(west, ofWest);
  const server = transport(west, { tls, runtime: createSystemRuntime(logger) });
  server.accept('certify', (stream, from) => {
    accepted.push(from);
    stream.onMessage((message) => stream.send(message));
  });
  server.addService({ echo }, { echo: answerEcho });
  await server.start();
  return { port: server.port, accepted, warnings, tls };
}

const answerEcho: handleUnaryCall<Buffer, Buffer> = (call, answer) => answer(null, call.request);
const asIs = (bytes: Buffer): Buffer => bytes;
const echo: MethodDefinition<Buffer, Buffer> = {
  path: '/test.Echo/Echo',
  requestStream: false,
  responseStream: false,
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
};

/** Calls a method that is not of peers. */
function call(port: number, pem: Partial<IssuedPem>): Promise<string> {
  const { ca = null, key = null, certificate = null } = pem;
  const client = new Client(`127.0.0.1:${port}`, credentials.createSsl(ca, key, certificate));
  clients.push(client);
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(echo.path, asIs, asIs, Buffer.from('hello'), (error, answer) =>
      error === null ? resolve(String(answer)) : reject(error),
    );
  });
}

async function closeReason(stream: PeerStream): Promise<string> {
  const reasons: string[] = [];
  stream.onClose((reason) => reasons.push(reason));
  await eventually(() => reasons.length === 1);
  return reasons[0]!;
}

async function roundTrip(stream: PeerStream): Promise<string> {
  const received: string[] = [];
  stream.onMessage((message) => received.push(Buffer.from(message).toString()));
  stream.send(Buffer.from('hello'));
  await eventually(() => received.length === 1);
  return received[0]!;
}

describe('with certificates of one authority', () => {
  test('nodes that have the names of their certificates talk', async () => {
    const { port, accepted } = await accepting();
    const stream = transport(east, { tls: new PeerTls(east, ofEast), port }).open(west, 'certify');
    expect(await roundTrip(stream)).toBe('hello');
    expect(accepted).toEqual([east]);
  });

  test('a certificate that claims another node is refused, and the log has both names', async () => {
    const { port, accepted, warnings } = await accepting();
    // The one who opens is asked for its name by the acceptor only: it has shown itself its own certificate.
    const both = await ours.issuePem('north', 'DNS:north', 'DNS:northern');
    const disguised = new PeerTls(nodeId('north'), both);
    const stream = transport(east, { tls: disguised, port }).open(west, 'certify');
    expect(await closeReason(stream)).toMatch(
      /PERMISSION_DENIED: a certificate of DNS:north, DNS:northern does not prove that this is node east/,
    );
    expect(warnings).toEqual([expect.stringMatching(/refused a peer: .*DNS:north.* node east/)]);
    expect(accepted).toEqual([]);
  });

  test('an opener that reaches another node than it dials hangs up', async () => {
    const { port, accepted } = await accepting();
    const stream = transport(west, { tls: new PeerTls(west, ofWest), port }).open(east, 'certify');
    expect(await closeReason(stream)).toMatch(/DNS:west, .* does not prove that this is node east/);
    expect(accepted).toEqual([]);
  });

  test('neither a wildcard nor a common name is the name of a node', async () => {
    const unnamed = await ours.issuePem('west');
    const wildcard = await ours.issuePem('wildcard', 'DNS:*', 'DNS:*.example.com');
    expect(() => new PeerTls(west, unnamed)).toThrow(
      'the certificate is of (no DNS name, subject CN=west); the one of node west has the DNS name west',
    );
    expect(() => new PeerTls(west, wildcard)).toThrow('the certificate is of DNS:*, DNS:*.example.com');
  });

  test('an app uses the public API, and opens no stream of peers', async () => {
    const { port, accepted, warnings } = await accepting();
    expect(await call(port, ofApp)).toBe('hello');
    class AppTls extends PeerTls {
      override channelTo(node: NodeId) {
        const { ca, key, certificate } = ofApp;
        return { ...super.channelTo(node), credentials: credentials.createSsl(ca, key, certificate) };
      }
    }
    const stream = transport(east, { tls: new AppTls(east, ofEast), port }).open(west, 'certify');
    expect(await closeReason(stream)).toMatch(
      /PERMISSION_DENIED: a certificate of \(no DNS name, subject CN=app\) does not prove that this is node east/,
    );
    expect(warnings).toHaveLength(1);
    expect(accepted).toEqual([]);
  });
});

describe('is refused', () => {
  test("a certificate of another authority, on either side, even with a node's name", async () => {
    const theirs = await TestAuthority.create();
    authorities.push(theirs);
    const { port, accepted } = await accepting();
    const foreign = await theirs.issuePem('east', 'DNS:east');
    const stream = transport(east, { tls: new PeerTls(east, foreign), port }).open(west, 'certify');
    expect(await closeReason(stream)).toMatch(/UNAVAILABLE/);
    // It trusts west, but is not trusted.
    const trusting = new PeerTls(east, { ...foreign, ca: ofEast.ca });
    const second = transport(east, { tls: trusting, port }).open(west, 'certify');
    expect(await closeReason(second)).toMatch(/UNAVAILABLE/);
    await expect(call(port, { ...foreign, ca: ofEast.ca })).rejects.toThrow('UNAVAILABLE');
    expect(accepted).toEqual([]);
  });

  test('who shows no certificate, for the public API too', async () => {
    const { port } = await accepting();
    await expect(call(port, { ca: ofEast.ca })).rejects.toThrow('UNAVAILABLE');
  });

  test('who speaks plain text', async () => {
    const { port, accepted } = await accepting();
    expect(await closeReason(transport(east, { port }).open(west, 'certify'))).toMatch(/UNAVAILABLE/);
    expect(accepted).toEqual([]);
  });

  test('who speaks TLS 1.1', async () => {
    const { port } = await accepting();
    const { ca, certificate: cert, key } = ofApp;
    const failed = await new Promise<Error>((resolve, reject) => {
      const socket = connectTls(
        {
          port,
          host: '127.0.0.1',
          ca,
          cert,
          key,
          minVersion: 'TLSv1',
          maxVersion: 'TLSv1.1',
          ciphers: 'DEFAULT@SECLEVEL=0',
        },
        () => reject(new Error('connected')),
      );
      sockets.push(socket);
      socket.on('error', resolve);
    });
    expect(failed).toMatchObject({ code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' });
  });
});

describe('a renewed certificate', () => {
  test('is shown by connections that begin afterwards, on both sides', async () => {
    const { port, tls, accepted } = await accepting();
    const next = await TestAuthority.create();
    authorities.push(next);
    tls.renew(await next.issuePem('west', 'DNS:west'));
    const old = transport(east, { tls: new PeerTls(east, ofEast), port }).open(west, 'certify');
    expect(await closeReason(old)).toMatch(/UNAVAILABLE/);
    const opener = new PeerTls(east, ofEast);
    opener.renew(await next.issuePem('east', 'DNS:east'));
    expect(await roundTrip(transport(east, { tls: opener, port }).open(west, 'certify'))).toBe('hello');
    expect(accepted).toEqual([east]);
  });

  test('that is of no use is refused, and the one before stays', async () => {
    const { port, tls } = await accepting();
    expect(() => tls.renew({ ...ofWest, key: ofEast.key })).toThrow(/key values mismatch/);
    expect(() => tls.renew(ofEast)).toThrow('the one of node west has the DNS name west');
    expect(() => tls.renew({ ...ofWest, certificate: Buffer.from('nothing') })).toThrow();
    expect(await call(port, ofApp)).toBe('hello');
  });
});

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  TestConfiguration,
  clusterText as cluster,
  nodeText as node,
  type GivenFiles as Given,
} from '../../../test/support/test-configuration.js';

let files: TestConfiguration;
beforeEach(async () => {
  files = await TestConfiguration.create();
});
afterEach(() => files.remove());

const told = (given: Given) => files.told(given);
const accepted = (given: Given) => files.accepted(given);

describe('a node is told of etcd', () => {
  const withEtcd = (endpoints: string, more = '') => ({
    clusterFile: `${cluster}etcd: { endpoints: [${endpoints}] }\n`,
    file: `${node}${more}`,
  });

  it('nothing when there is none', async () => {
    expect((await accepted({})).node.etcd).toBeUndefined();
  });

  it('the endpoints of the cluster unless its own file names others', async () => {
    const plain = await accepted(withEtcd("'http://127.0.0.1:9'"));
    expect(plain.node.etcd).toEqual({ endpoints: ['http://127.0.0.1:9'], tls: undefined, user: undefined });
    const own = "etcd: { endpoints: ['https://near:9'], ca: ca.pem }\n";
    expect((await accepted(withEtcd("'https://far:9'", own))).node.etcd).toMatchObject({
      endpoints: ['https://near:9'],
      tls: { ca: 'ca.pem' },
    });
  });

  it('certificate, user, and the password in the first line of a file', async () => {
    const passwordFile = join(files.directory, 'password');
    await writeFile(passwordFile, 'open sesame\n');
    const own = `etcd: { ca: a.pem, certificate: b.pem, key: c.pem, user: meridian, passwordFile: ${passwordFile} }\n`;
    expect((await accepted(withEtcd("'https://far:9'", own))).node.etcd).toEqual({
      endpoints: ['https://far:9'],
      tls: { ca: 'a.pem', certificate: 'b.pem', key: 'c.pem' },
      user: { name: 'meridian', password: 'open sesame' },
    });
  });

  it('by the environment: which log, which endpoints, how long a lease', async () => {
    const given = await accepted({
      environment: {
        MERIDIAN_LOG: 'etcd',
        MERIDIAN_ETCD_ENDPOINTS: 'http://127.0.0.1:7, http://127.0.0.1:8',
        MERIDIAN_ETCD_LEASE_MS: '2000',
      },
    });
    const endpoints = ['http://127.0.0.1:7', 'http://127.0.0.1:8'];
    expect(given.cluster.etcd).toEqual({ endpoints, prefix: '/meridian', leaseMs: 2000 });
    expect(given.cluster.keyspaces.map(({ log }) => log)).toEqual(['etcd']);
    expect(given.node.etcd?.endpoints).toEqual(endpoints);
  });

  it('by the environment other endpoints, with what the file says of TLS', async () => {
    const given = await accepted({
      ...withEtcd("'https://far:9'", 'etcd: { ca: a.pem }\n'),
      environment: { MERIDIAN_ETCD_ENDPOINTS: 'https://near:9', MERIDIAN_LOG: 'embedded' },
    });
    expect(given.node.etcd).toMatchObject({ endpoints: ['https://near:9'], tls: { ca: 'a.pem' } });
    expect(given.cluster.keyspaces.map(({ log }) => log)).toEqual(['embedded']);
  });

  const wrong: readonly [string, Given, string][] = [
    [
      'a certificate without its key',
      withEtcd("'https://a:1'", 'etcd: { ca: a, certificate: b }\n'),
      'east.yaml:6: etcd.key: is missing; etcd.certificate is of no use without its key',
    ],
    [
      'a certificate for an etcd that is not checked',
      withEtcd("'https://a:1'", 'etcd: { certificate: b, key: c }\n'),
      'east.yaml:6: etcd.ca: is missing; etcd.certificate is shown to an etcd that etcd.ca has checked',
    ],
    [
      'a user without a password',
      withEtcd("'https://a:1'", 'etcd: { user: u }\n'),
      'east.yaml:6: etcd.passwordFile: is missing; etcd.user has a password',
    ],
    [
      'a password that is not there',
      withEtcd("'https://a:1'", 'etcd: { user: u, passwordFile: /nowhere/at-all }\n'),
      'east.yaml:6: etcd.passwordFile: there is no file /nowhere/at-all',
    ],
    [
      'authorities for an etcd without TLS',
      withEtcd("'http://127.0.0.1:1'", 'etcd: { ca: a }\n'),
      'east.yaml: etcd: ca is for endpoints with https, but http://127.0.0.1:1 is without',
    ],
    [
      'a distant etcd without TLS',
      withEtcd("'http://127.0.0.1:1', 'http://a:1'"),
      'east.yaml: etcd: http://a:1 is spoken to without TLS: anyone on the way can read and change',
    ],
    [
      'a node with etcd in a cluster without',
      { file: `${node}etcd: { ca: a }\n` },
      'east.yaml: etcd: cluster.yaml has no etcd: add etcd.endpoints there, or set MERIDIAN_ETCD_ENDPOINTS',
    ],
  ];
  it.each(wrong)('and not %s', async (_, given, message) => {
    expect(await told(given)).toContain(message);
  });

  it('and keeps its password out of messages', async () => {
    const passwordFile = join(files.directory, 'password');
    await writeFile(passwordFile, 'sesame');
    expect(
      await told(
        withEtcd("'http://a:1'", `etcd: { ca: a, user: u, passwordFile: ${passwordFile}, key: b }\n`),
      ),
    ).not.toContain('sesame');
  });
});

describe('a listener that other machines can reach', () => {
  const open = { file: node.replace("'127.0.0.1:1'", "'0.0.0.0:1'") };

  it('is refused, with the setting and the way out', async () => {
    const message = await told(open);
    expect(message).toContain('east.yaml: http.listen: 0.0.0.0:1 can be reached from other machines');
    expect(message).toContain('--insecure');
  });

  it('is refused when the environment brings it', async () => {
    expect(await told({ environment: { MERIDIAN_PEER_LISTEN: '[::]:5' } })).toContain(
      'environment: MERIDIAN_PEER_LISTEN: [::]:5 can be reached',
    );
  });

  it('is allowed with TLS on that port', async () => {
    const { clusterFile, file } = {
      clusterFile: cluster.replace("http: '127.0.0.1:1'", "http: 'https://127.0.0.1:1'"),
      file: node
        .replace("listen: '127.0.0.1:1'", "listen: '0.0.0.0:1', tls: { certificate: a, key: b }")
        .replace("listen: '127.0.0.1:2'", "listen: '0.0.0.0:2'"),
    };
    const message = await told({ clusterFile, file });
    expect(message).not.toContain('http.listen');
    expect(message).toContain('east.yaml: peer.listen: 0.0.0.0:2 can be reached from other machines');
    const tls = { ca: 'c', certificate: 'a', key: 'b' };
    const config = await accepted({ clusterFile, file: `${file}tls: ${JSON.stringify(tls)}\n` });
    expect(config.node).toMatchObject({ tls, httpTls: { certificate: 'a', key: 'b' } });
  });

  it('is allowed with MERIDIAN_INSECURE=true', async () => {
    const environment = { MERIDIAN_INSECURE: 'true' };
    expect((await accepted({ ...open, environment })).node.http.listen.host).toBe('0.0.0.0');
    expect(await told({ ...open, environment: { MERIDIAN_INSECURE: 'false' } })).toContain('http.listen');
  });

  it('is allowed with --insecure', async () => {
    expect((await accepted({ ...open, insecure: true })).node.http.listen.host).toBe('0.0.0.0');
  });
});

import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { nodeId } from '../../src/model/ids.js';
import { PeerTls, nameProblem } from '../../src/transport/grpc/peer-tls.js';

const run = promisify(execFile);
const guide = readFileSync('docs/guides/beyond-one-machine.md', 'utf8');
const directory = mkdtempSync(join(tmpdir(), 'meridian-guide-'));
const nodes = ['us-east', 'eu-west', 'ap-south'];

/** The shell commands of the guide's part on certificates, as someone types them. */
function commands(): string {
  const part = guide.split('\n## Certificates\n')[1]?.split('\n## ')[0];
  const block = /```sh\n([^]*?)```/.exec(part ?? '')?.[1];
  if (block === undefined) throw new Error('the guide has no commands for certificates');
  return block;
}

const pem = (name: string): Buffer => readFileSync(join(directory, name));

beforeAll(() => run('sh', ['-euc', commands()], { cwd: directory }));
afterAll(() => rm(directory, { recursive: true }));

it('the commands of the guide make a certificate for every node that names it', () => {
  for (const node of nodes) {
    const certificate = pem(`${node}.pem`);
    const made = { ca: pem('ca.pem'), certificate, key: pem(`${node}.key`) };
    expect(() => new PeerTls(nodeId(node), made)).not.toThrow();
    expect(new X509Certificate(certificate).checkHost(`${node}.example.com`)).toBe(`${node}.example.com`);
  }
});

it('and one for apps that is no node, and others that only etcd takes', async () => {
  const app = new X509Certificate(pem('app.pem'));
  for (const node of nodes) expect(nameProblem({ raw: app.raw } as never, node)).toBeDefined();
  const verified = async (authority: string, name: string, purpose: string): Promise<boolean> => {
    const args = ['verify', '-CAfile', authority, '-purpose', purpose, name];
    return run('openssl', args, { cwd: directory }).then(
      () => true,
      () => false,
    );
  };
  expect(await verified('ca.pem', 'app.pem', 'sslclient')).toBe(true);
  expect(await verified('ca.pem', 'app.pem', 'sslserver')).toBe(false);
  expect(await verified('ca.pem', 'us-east.pem', 'sslserver')).toBe(true);
  expect(await verified('etcd-ca.pem', 'etcd-us-east.pem', 'sslserver')).toBe(true);
  expect(await verified('etcd-ca.pem', 'etcd-client.pem', 'sslclient')).toBe(true);
  for (const name of ['app.pem', 'us-east.pem'])
    expect(await verified('etcd-ca.pem', name, 'sslclient')).toBe(false);
});

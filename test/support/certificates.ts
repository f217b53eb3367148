import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const newKey = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-noenc'];

export interface IssuedPem {
  readonly ca: Buffer;
  readonly certificate: Buffer;
  readonly key: Buffer;
}

export interface IssuedFiles {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

/** Certificates by the openssl of this machine, in a folder that `remove` removes. Rejects when there is none. */
export class TestAuthority {
  readonly directory: string;
  readonly ca: string;

  static async create(): Promise<TestAuthority> {
    const authority = new TestAuthority(await mkdtemp(join(tmpdir(), 'meridian-certificates-')));
    await run('openssl', [
      ...[...newKey, '-days', '2', '-subj', '/CN=test authority', '-out', authority.ca],
      ...['-keyout', join(authority.directory, 'ca.key'), '-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    ]);
    return authority;
  }

  private constructor(directory: string) {
    this.directory = directory;
    this.ca = join(directory, 'ca.pem');
  }

  /** `names` as in subjectAltName: DNS:a, IP:127.0.0.1; none: a certificate without names. */
  async issue(subject: string, ...names: string[]): Promise<IssuedFiles> {
    const certificate = join(this.directory, `${subject}.pem`);
    const key = join(this.directory, `${subject}.key`);
    const subjectAltName = names.length === 0 ? [] : ['-addext', `subjectAltName=${names.join(',')}`];
    await run('openssl', [
      ...[...newKey, '-days', '1', '-subj', `/CN=${subject}`, '-out', certificate, '-keyout', key],
      ...['-CA', this.ca, '-CAkey', join(this.directory, 'ca.key'), ...subjectAltName],
      ...['-addext', 'basicConstraints=critical,CA:FALSE'],
    ]);
    return { ca: this.ca, certificate, key };
  }

  async issuePem(subject: string, ...names: string[]): Promise<IssuedPem> {
    const { ca, certificate, key } = await this.issue(subject, ...names);
    return { ca: await readFile(ca), certificate: await readFile(certificate), key: await readFile(key) };
  }

  remove(): Promise<void> {
    return rm(this.directory, { recursive: true, force: true });
  }
}

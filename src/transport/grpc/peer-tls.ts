import { X509Certificate } from 'node:crypto';
import {
  createSecureContext,
  type PeerCertificate,
  type SecureContext,
  type SecureContextOptions,
} from 'node:tls';
import { ChannelCredentials, ServerCredentials, type ChannelOptions } from '@grpc/grpc-js';
import type { NodeId } from '../../model/ids.js';

/** PEM: the authorities whose certificates are accepted, a node's certificate with those between, and its key. */
export interface PeerPem {
  readonly ca: Buffer;
  readonly certificate: Buffer;
  readonly key: Buffer;
}

const minVersion = 'TLSv1.2';

/**
 * Mutual TLS of the port that nodes and apps share. A certificate stands for a node when one of its DNS names is the node's
 * id; every certificate of the authorities may speak the public API.
 */
export class PeerTls {
  readonly server: ServerCredentials;
  readonly #self: NodeId;
  readonly #server: RenewableServerCredentials;
  #context: SecureContext;

  /** Throws an Error that says what is wrong with the PEM. */
  constructor(self: NodeId, pem: PeerPem) {
    this.#self = self;
    this.#context = checkedContext(self, pem);
    this.server = this.#server = new RenewableServerCredentials(pem);
  }

  /** For connections that begin from now on. Throws like the constructor, and then changes nothing. */
  renew(pem: PeerPem): void {
    this.#context = checkedContext(this.#self, pem);
    this.#server.renew(pem);
  }

  /** For one channel to `node`, and to no other: who answers must have a certificate of that name. */
  channelTo(node: NodeId): { readonly credentials: ChannelCredentials; readonly options: ChannelOptions } {
    return {
      credentials: ChannelCredentials.createFromSecureContext(this.#context, {
        checkServerIdentity: (_host, certificate) => {
          const problem = nameProblem(certificate, node);
          return problem === undefined ? undefined : new Error(problem);
        },
      }),
      options: { 'grpc.ssl_target_name_override': node, 'grpc.default_authority': node },
    };
  }
}

/** What speaks against taking whoever has this certificate, verified already, for `node`. */
export function nameProblem(certificate: PeerCertificate | undefined, node: string): string | undefined {
  if (certificate === undefined) return `no certificate proves that this is node ${node}`;
  const read = new X509Certificate(certificate.raw);
  return isNamed(read, node)
    ? undefined
    : `a certificate of ${namesOf(read)} does not prove that this is node ${node}`;
}

/** As a whole and to the letter: no wildcard, and no common name, stands for a node. */
function isNamed(certificate: X509Certificate, node: string): boolean {
  return certificate.checkHost(node, { subject: 'never', wildcards: false }) !== undefined;
}

function namesOf({ subjectAltName, subject }: X509Certificate): string {
  return subjectAltName ?? `(no DNS name, subject ${subject.replaceAll('\n', ', ')})`;
}

function contextOptions({ ca, certificate, key }: PeerPem): SecureContextOptions {
  return { ca, cert: certificate, key, minVersion };
}

function checkedContext(self: NodeId, pem: PeerPem): SecureContext {
  const certificate = new X509Certificate(pem.certificate);
  const context = createSecureContext(contextOptions(pem));
  if (!isNamed(certificate, self))
    throw new Error(
      `the certificate is of ${namesOf(certificate)}; the one of node ${self} has the DNS name ${self}`,
    );
  return context;
}

/** Who connects must show a certificate of the authorities. */
class RenewableServerCredentials extends ServerCredentials {
  constructor(pem: PeerPem) {
    super({ requestCert: true, rejectUnauthorized: true, minVersion }, contextOptions(pem));
  }

  renew(pem: PeerPem): void {
    this.updateSecureContextOptions(contextOptions(pem));
  }

  _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

import type { Server } from 'node:http';
import { Server as HttpsServer, type ServerOptions } from 'node:https';
import { createSecureContext } from 'node:tls';
import type { FastifyServerOptions } from 'fastify';

/** The certificate of HTTPS with those between it and its authority, and its key. */
export interface HttpsPem {
  readonly certificate: Buffer;
  readonly key: Buffer;
}

/** Who connects and does not say so in TLS must make room for others. ms */
const handshakeTimeout = 10_000;

function secureOptions({ certificate, key }: HttpsPem): ServerOptions {
  return { cert: certificate, key, minVersion: 'TLSv1.2' };
}

/** Fastify types a server of HTTPS as another one; what it is used for is alike. */
export function httpsOptions(pem: HttpsPem | undefined): FastifyServerOptions {
  return pem === undefined
    ? {}
    : ({ https: { ...secureOptions(pem), handshakeTimeout } } as FastifyServerOptions);
}

/** For connections that begin from now on. Throws when the PEM is of no use; then nothing has changed. */
export function renewHttps(server: Server, pem: HttpsPem): void {
  const options = secureOptions(pem);
  createSecureContext(options);
  (server as unknown as HttpsServer).setSecureContext(options);
}

/** The event that gives the socket which requests come on. */
export function connectionEvent(server: Server): 'connection' | 'secureConnection' {
  return isHttps(server) ? 'secureConnection' : 'connection';
}

/** Bounds connections before their handshake has ended, which nobody else counts. */
export function boundHandshakes(server: Server, connectionsMax: number): void {
  if (isHttps(server)) server.maxConnections = connectionsMax;
}

function isHttps(server: unknown): boolean {
  return server instanceof HttpsServer;
}

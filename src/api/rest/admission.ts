import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { Counter, Gauge, type Registry } from 'prom-client';
import { failure, type OutcomeWord } from '../../model/errors.js';
import { limits } from '../../model/limits.js';
import type { Clock } from '../../runtime/runtime.js';
import type { NodeService } from '../../transaction/service.js';
import { problemOf, retryAfterSeconds } from '../errors.js';
import { boundHandshakes, connectionEvent } from './https.js';
import { WritesUnderWay } from './writes-under-way.js';

export type AdmissionLimits = Pick<
  typeof limits,
  | 'httpRequestsMax'
  | 'httpBodiesBytesMax'
  | 'httpProbesMax'
  | 'httpConnectionsMax'
  | 'httpConnectionsSpare'
  | 'requestBodyBytesMax'
>;

/** A type with the same numbers in it, smaller ones in tests. */
type Bounds = { readonly [Name in keyof AdmissionLimits]: number };

export interface AdmissionOptions {
  readonly node: Pick<NodeService, 'region' | 'keyspace'>;
  readonly registry: Registry;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly bounds?: Bounds;
}

/** What is answered however much data is asked for: probes, metrics, status, administration. */
const probes = /^\/(livez|readyz|metrics|openapi\.json|v1\/cluster|v1\/keyspaces|v1\/admin\/[^?]*)(\?|$)/;
/** A path that names a transaction; what is known of it is not looked up for a refusal. */
const namesTransaction = /^[^?]*\/transactions\/[^?]/;
/** It stays open for as long as its client likes, and has a bound of its own (feedsMax). */
const feed = /^\/v1\/keyspaces\/[^/?]+\/changes(\?|$)/;

/** Requests that begin what ends in a COMMIT. */
const begins = /^\/v1\/keyspaces\/([a-z0-9-]+)\/(?:keys\/|transact(?:ions)?(?:\?|$))/;

type Refused = 'requests' | 'bodies' | 'commits' | 'probes' | 'connections';

/**
 * Judges every request before anything of it is taken: above a bound it is answered OVERLOADED with Retry-After, without
 * the framework, so that refusing costs little. What is let in holds its place until it is answered or its client is gone.
 */
export class Admission {
  readonly #node: AdmissionOptions['node'];
  readonly #clock: AdmissionOptions['clock'];
  readonly #bounds: Bounds;
  readonly #refuse: Refusals;
  /** Beyond httpConnectionsMax, the oldest first. */
  readonly #spare = new Set<Socket>();
  readonly #writes = new Map<string, WritesUnderWay>();
  #connections = 0;
  #requests = 0;
  #bodiesBytes = 0;
  #probes = 0;

  constructor({ node, registry, clock, bounds = limits }: AdmissionOptions) {
    this.#node = node;
    this.#clock = clock;
    this.#bounds = bounds;
    this.#refuse = new Refusals(node.region, registry);
    observe(
      registry,
      'requests_under_way',
      'Requests about data that are not answered yet.',
      () => this.#requests,
    );
    observe(registry, 'connections', 'Open connections of the HTTP API.', () => this.#connections);
  }

  /** More are never open at once, those included that are told so and closed. */
  get connectionsMax(): number {
    const { httpConnectionsMax, httpConnectionsSpare } = this.#bounds;
    return httpConnectionsMax + 2 * httpConnectionsSpare;
  }

  onConnection(socket: Socket): void {
    const { httpConnectionsMax, httpConnectionsSpare } = this.#bounds;
    this.#connections += 1;
    if (this.#connections > httpConnectionsMax) this.#spare.add(socket);
    socket.once('close', () => {
      this.#connections -= 1;
      this.#spare.delete(socket);
    });
    // Whoever says nothing makes room for a probe that comes later.
    if (this.#spare.size > httpConnectionsSpare) this.#spare.values().next().value!.destroy();
  }

  /** True when the request came on a connection too many and was refused. */
  refusesConnection(request: IncomingMessage, response: ServerResponse): boolean {
    if (this.#spare.size === 0 || !this.#spare.has(request.socket)) return false;
    response.shouldKeepAlive = false;
    if (probes.test(request.url!)) return false;
    this.#refuse.answer('connections', request, response);
    return true;
  }

  /** True when there was no place for the request, and it was refused. Otherwise its place is taken until it ends. */
  refusesRequest(request: IncomingMessage, response: ServerResponse): boolean {
    const bounds = this.#bounds;
    const url = request.url!;
    if (probes.test(url)) {
      if (this.#probes >= bounds.httpProbesMax) return this.#refuse.answer('probes', request, response);
      this.#probes += 1;
      response.once('close', () => (this.#probes -= 1));
      return false;
    }
    if (this.#requests >= bounds.httpRequestsMax) return this.#refuse.answer('requests', request, response);
    const bytes = announcedBytes(request, bounds.requestBodyBytesMax);
    if (bytes > 0 && this.#bodiesBytes + bytes > bounds.httpBodiesBytesMax)
      return this.#refuse.answer('bodies', request, response);
    const written = writtenKeyspace(request);
    if (written !== undefined && this.#sheds(written))
      return this.#refuse.answer('commits', request, response);
    if (request.method === 'GET' && feed.test(url)) return false;
    const endWrite = written === undefined ? undefined : this.#writesOf(written)?.take();
    this.#requests += 1;
    this.#bodiesBytes += bytes;
    response.once('close', () => {
      this.#requests -= 1;
      this.#bodiesBytes -= bytes;
      endWrite?.();
    });
    return false;
  }

  /** A COMMIT would be refused when all of its request had been read and judged, or wait too long: what that costs is saved. */
  #sheds(name: string): boolean {
    const keyspace = this.#node.keyspace(name);
    if (keyspace === undefined) return false;
    // What waits for a sequencer or a disk is told so, and costs this node little.
    return (
      keyspace.shedsCommits === true ||
      (this.#writes.get(name)?.areLate === true && keyspace.status().writable)
    );
  }

  #writesOf(name: string): WritesUnderWay | undefined {
    let writes = this.#writes.get(name);
    if (writes === undefined && this.#node.keyspace(name) !== undefined)
      this.#writes.set(name, (writes = new WritesUnderWay(this.#clock)));
    return writes;
  }
}

function writtenKeyspace({ method, url }: IncomingMessage): string | undefined {
  return method === 'GET' || method === 'HEAD' ? undefined : begins.exec(url!)?.[1];
}

/** Puts `admission` before all that answers requests of `app`; what `answersFirst` answers takes no place. */
export function admit(
  app: FastifyInstance,
  admission: Admission,
  answersFirst: (request: IncomingMessage, response: ServerResponse) => boolean,
): void {
  const listeners = app.server.listeners('request') as RequestListener[];
  app.server.removeAllListeners('request');
  const connections = new Connections();
  boundHandshakes(app.server, admission.connectionsMax);
  app.server.on(connectionEvent(app.server), (socket: Socket) => {
    admission.onConnection(socket);
    connections.add(socket);
  });
  app.server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (admission.refusesConnection(request, response)) return;
    if (answersFirst(request, response) || admission.refusesRequest(request, response)) return;
    connections.watch(response, request.socket);
    for (const listener of listeners) listener.call(app.server, request, response);
  });
}

/**
 * Tells the end of a connection to every response on it. Node tells the one whose turn it is, and never those of requests
 * that were pipelined behind it: what is held until a response closes would be held for ever.
 */
class Connections {
  readonly #open = new WeakMap<Socket, Set<ServerResponse>>();

  add(socket: Socket): void {
    const responses = new Set<ServerResponse>();
    this.#open.set(socket, responses);
    socket.once('close', () => {
      for (const response of [...responses]) {
        if (response.socket !== null) continue;
        response.destroy();
        response.emit('close');
      }
    });
  }

  watch(response: ServerResponse, socket: Socket): void {
    const responses = this.#open.get(socket);
    if (responses === undefined) return;
    responses.add(response);
    response.once('close', () => responses.delete(response));
  }
}

/** As much as may be taken of it: the framework refuses what is longer. */
function announcedBytes({ headers }: IncomingMessage, bytesMax: number): number {
  if (headers['transfer-encoding'] !== undefined) return bytesMax;
  const length = headers['content-length'];
  return length === undefined ? 0 : Math.min(Number(length), bytesMax);
}

const said: Readonly<Record<Refused, string>> = {
  requests: 'as many requests as this node takes are under way',
  commits: 'commits of this node wait too long for their outcome',
  bodies: 'as many bytes of requests as this node takes are under way',
  probes: 'as many probes as this node takes are under way',
  connections: 'this node has as many connections as it takes',
};

/** The answers of refusals, made once. */
class Refusals {
  readonly #answers = new Map<
    string,
    { readonly headers: Readonly<Record<string, string>>; readonly body: string }
  >();
  readonly #counter: Counter<'reason'>;

  constructor(region: string, registry: Registry) {
    this.#counter = new Counter({
      name: 'meridian_http_refused_total',
      help: 'Requests refused as OVERLOADED before they were taken, by the bound that was reached.',
      labelNames: ['reason'],
      registers: [registry],
    });
    for (const reason of Object.keys(said) as Refused[])
      for (const outcome of ['not-committed', 'unknown'] as const)
        this.#answers.set(`${reason} ${outcome}`, answerOf(region, reason, outcome));
  }

  answer(reason: Refused, request: IncomingMessage, response: ServerResponse): true {
    const { headers, body } = this.#answers.get(`${reason} ${outcomeOf(request)}`)!;
    this.#counter.inc({ reason });
    response.writeHead(503, headers);
    response.end(body, 'latin1');
    return true;
  }
}

/** Another attempt of the same id may have committed, which is not looked up here. */
function outcomeOf({ headers, url }: IncomingMessage): OutcomeWord {
  return headers['idempotency-key'] !== undefined || namesTransaction.test(url!)
    ? 'unknown'
    : 'not-committed';
}

function answerOf(region: string, reason: Refused, outcome: OutcomeWord) {
  const refused = failure('OVERLOADED', said[reason], { outcome, details: { retryAfterMs: 1000 } });
  const body = JSON.stringify(problemOf(refused));
  const headers = {
    'Meridian-Region': region,
    'Content-Type': 'application/problem+json',
    'Content-Length': String(body.length),
    'Retry-After': String(retryAfterSeconds(refused)),
  };
  return { headers, body };
}

function observe(registry: Registry, name: string, help: string, read: () => number): void {
  const gauge: Gauge = new Gauge({
    name: `meridian_http_${name}`,
    help,
    registers: [registry],
    collect: () => gauge.set(read()),
  });
}

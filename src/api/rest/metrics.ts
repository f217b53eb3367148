import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Gauge, Histogram, type Registry } from 'prom-client';
import type { Clock } from '../../runtime/runtime.js';
import { replicaStates, type KeyspaceStatus, type NodeService } from '../../transaction/service.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** By the clock of `performance`, when its head had arrived. */
    receivedMs: number;
  }
}

export interface RequestLabels {
  readonly method: string;
  readonly route: string;
  readonly status: number;
}

const buckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** How long requests take, by method, route and status. */
export class RequestDurations {
  readonly #histogram: Histogram<keyof RequestLabels>;

  constructor(registry: Registry) {
    this.#histogram = new Histogram({
      name: 'meridian_http_request_duration_seconds',
      help: "From the end of a request's head to when its answer begins to be written.",
      labelNames: ['method', 'route', 'status'],
      buckets,
      registers: [registry],
    });
  }

  observe({ method, route, status }: RequestLabels, ms: number): void {
    this.#histogram.observe({ method, route, status }, ms / 1000);
  }
}

/** Observes every request of `app` under its route's pattern, never under its path: the number of series is bounded. */
export function observeRequests(app: FastifyInstance, clock: Clock, durations: RequestDurations): void {
  const observing =
    (route: string, methodOf: (request: FastifyRequest) => string) =>
    (request: FastifyRequest, reply: FastifyReply, payload: unknown, done: DoneWithPayload): void => {
      const labels = { method: methodOf(request), route, status: reply.statusCode };
      durations.observe(labels, clock.monotonicMs() - request.receivedMs);
      done(null, payload);
    };
  app.decorateRequest('receivedMs', 0);
  app.addHook('onRequest', (request, _reply, done) => {
    request.receivedMs = clock.monotonicMs();
    done();
  });
  // Hooks of each route: what a request says of its route is put together anew whenever it is asked.
  app.addHook('onRoute', (route) => {
    route.onSend = [route.onSend ?? [], observing(route.url, (request) => request.method)].flat();
  });
  // Where no route matched, the method is the client's own word.
  const observeWithoutRoute = observing('none', () => 'any');
  app.addHook('onSend', (request, reply, payload, done) => {
    if (request.is404) observeWithoutRoute(request, reply, payload, done);
    else done(null, payload);
  });
}

type DoneWithPayload = (error: Error | null, payload: unknown) => void;

/** Gauges of every keyspace, read when they are asked for. */
export function observeKeyspaces(node: NodeService, registry: Registry): void {
  const gauge = (name: string, help: string, read: (status: KeyspaceStatus) => number | undefined): void => {
    const made: Gauge<'keyspace'> = new Gauge({
      name: `meridian_keyspace_${name}`,
      help,
      labelNames: ['keyspace'],
      registers: [registry],
      collect: () => {
        for (const service of node.keyspaces()) {
          const value = read(service.status());
          if (value === undefined) made.remove(service.name);
          else made.set({ keyspace: service.name }, value);
        }
      },
    });
  };
  gauge('applied_seqno', 'The last seqno in this node.', (status) => status.applied);
  gauge('tail_seqno', 'The last seqno of the log that this node knows of.', (status) => status.tail);
  gauge('lag_transactions', 'Transactions known and not applied.', lagOf);
  gauge('position', 'The last log entry in this node.', (status) => status.position);
  gauge('epoch', "The sequencer's epoch.", (status) => status.epoch);
  gauge('staleness_seconds', 'Since this node last heard from the sequencer.', stalenessS);
  gauge('writable', '1 when a COMMIT would be taken.', (status) => Number(status.writable));
  gauge('open_feeds', 'Open change feeds on this node.', (status) => status.openFeeds);
  observeStates(node, registry);
}

function lagOf({ tail, applied }: KeyspaceStatus): number {
  return Math.max(0, tail - applied);
}

function stalenessS({ stalenessMs }: KeyspaceStatus): number | undefined {
  return stalenessMs === undefined ? undefined : stalenessMs / 1000;
}

function observeStates(node: NodeService, registry: Registry): void {
  const made: Gauge<'keyspace' | 'state'> = new Gauge({
    name: 'meridian_keyspace_state',
    help: '1 for the state that the keyspace has on this node.',
    labelNames: ['keyspace', 'state'],
    registers: [registry],
    collect: () => {
      for (const service of node.keyspaces()) {
        const current = service.status().state;
        for (const state of replicaStates)
          made.set({ keyspace: service.name, state }, Number(state === current));
      }
    },
  });
}

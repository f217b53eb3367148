import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Gauge, Histogram, type Registry } from 'prom-client';
import { replicaStates, type KeyspaceStatus, type NodeService } from '../../transaction/service.js';

const durationBucketsS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

interface Observer {
  observe(valueS: number): void;
}

/** Observes every request of `app` under its route's pattern, never under its path: the number of series is bounded. */
export function observeRequests(app: FastifyInstance, registry: Registry): void {
  const duration = new Histogram({
    name: 'meridian_http_request_duration_seconds',
    help: 'From the first byte of a request to the end of its answer.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: durationBucketsS,
    registers: [registry],
  });
  const observers = new Map<string, Observer>();
  app.addHook('onResponse', (request: FastifyRequest, reply: FastifyReply, done) => {
    const route = request.routeOptions.url ?? 'none';
    const series = `${request.method} ${reply.statusCode} ${route}`;
    let observer = observers.get(series);
    if (observer === undefined) {
      observer = duration.labels(knownMethod(request, route), route, String(reply.statusCode));
      observers.set(series, observer);
    }
    observer.observe(reply.elapsedTime / 1000);
    done();
  });
}

/** Where no route matched, the method is the client's own word. */
function knownMethod(request: FastifyRequest, route: string): string {
  return route === 'none' ? 'any' : request.method;
}

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

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Gauge, Histogram, type Registry } from 'prom-client';
import type { Clock } from '../../runtime/runtime.js';
import {
  joinPhases,
  replicaStates,
  type CheckStatus,
  type KeyspaceService,
  type KeyspaceStatus,
  type NodeService,
} from '../../transaction/service.js';

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
export function observeKeyspaces(node: NodeService, registry: Registry, clock: Clock): void {
  const gauge: AddGauge = (name, help, read) => {
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
  observeWhatIsKept(gauge, clock);
  gauge('join_bytes', 'Received of the copy that this node joins by.', ({ join }) => join?.bytes);
  gauge('join_total_bytes', 'Of that copy, as the donor estimates it.', ({ join }) => join?.bytesTotal);
  gauge('join_bytes_per_second', 'Over the last seconds.', ({ join }) => join?.bytesPerSecond);
  gauge(
    'check_equal',
    '1 when the last consistency check found this node and all others equal, 0 when it found a difference.',
    ({ check }) => equality(check),
  );
  gauge(
    'check_position',
    'The log entry at which the last consistency check was made.',
    ({ check }) => check?.position,
  );
  observeOneOf(registry, node, {
    name: 'state',
    values: replicaStates,
    help: 'the state that the keyspace has on this node',
    read: (status) => status.state,
  });
  observeOneOf(registry, node, {
    name: 'join_phase',
    label: 'phase',
    values: joinPhases,
    help: 'the phase of the join that this node is in, or was in last',
    read: ({ join }) => join?.phase,
  });
}

type AddGauge = (name: string, help: string, read: (status: KeyspaceStatus) => number | undefined) => void;

function observeWhatIsKept(gauge: AddGauge, clock: Clock): void {
  gauge('kept_entries_bytes', 'Log entries that this node keeps.', ({ kept }) => kept?.entriesBytes);
  gauge('kept_oldest_position', 'The oldest of them.', ({ kept }) => kept?.oldestPosition);
  gauge('kept_outcomes', 'Outcomes of transaction ids that this node keeps.', ({ kept }) => kept?.outcomes);
  gauge('kept_outcomes_bytes', 'Their size.', ({ kept }) => kept?.outcomesBytes);
  gauge(
    'id_floor_age_seconds',
    "How far back outcomes are surely kept, by this node's clock; absent while all are.",
    ({ kept }) =>
      kept === undefined || kept.idFloorMs === 0 ? undefined : (clock.nowMs() - kept.idFloorMs) / 1000,
  );
}

/** Undefined while it is not known. */
function equality(check: CheckStatus | undefined): number | undefined {
  if (check?.verdict === 'equal') return 1;
  return check?.verdict === 'differs' ? 0 : undefined;
}

function lagOf({ tail, applied }: KeyspaceStatus): number {
  return Math.max(0, tail - applied);
}

function stalenessS({ stalenessMs }: KeyspaceStatus): number | undefined {
  return stalenessMs === undefined ? undefined : stalenessMs / 1000;
}

interface OneOf {
  readonly name: string;
  /** `name` when it is not given. */
  readonly label?: string;
  readonly values: readonly string[];
  readonly help: string;
  readonly read: (status: KeyspaceStatus) => string | undefined;
}

/** A series per value, of which one is 1; none where there is no value. */
function observeOneOf(
  registry: Registry,
  node: NodeService,
  { name, label = name, values, help, read }: OneOf,
): void {
  const show = (gauge: Gauge, service: KeyspaceService): void => {
    const keyspace = service.name;
    const current = read(service.status());
    for (const value of values) {
      if (current === undefined) gauge.remove({ keyspace, [label]: value });
      else gauge.set({ keyspace, [label]: value }, Number(value === current));
    }
  };
  const made: Gauge = new Gauge({
    name: `meridian_keyspace_${name}`,
    help: `1 for ${help}.`,
    labelNames: ['keyspace', label],
    registers: [registry],
    collect: () => {
      for (const service of node.keyspaces()) show(made, service);
    },
  });
}

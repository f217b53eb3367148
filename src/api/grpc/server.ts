import type {
  ServerDuplexStream,
  ServiceDefinition,
  StatusObject,
  UntypedHandleCall,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { protoPath as healthProto } from 'grpc-health-check';
import { failure, type Failure } from '../../model/errors.js';
import { limits } from '../../model/limits.js';
import { acceptPublicStream } from '../../transport/grpc/public-stream.js';
import { protoFile, publicProto } from '../../transport/proto-files.js';
import { publicService, publicServiceName } from '../../transport/public-api/service.js';
import { defaultStreamLimits } from '../../transport/send-queue.js';
import { doorkeeper, type Doorkeeper } from './access.js';
import { statusOf } from './failures.js';
import { watchHealth } from './health.js';
import { draining, type GrpcContext } from './methods.js';
import { loadForReflection } from './reflected-files.js';
import { RequestBytes } from './request-bytes.js';
import { serveSession, type Session } from './session.js';
import { unaryHandlers } from './unary.js';
import { serveWatch, type Watch, type WatchCall } from './watch.js';

/** Where services are added: a gRPC server, before it starts. */
export interface ServiceHost {
  addService(definition: ServiceDefinition, implementation: UntypedServiceImplementation): void;
}

export interface GrpcApiOptions extends GrpcContext {
  /** Bearer tokens that are let in; none: everyone is. */
  readonly tokens: readonly string[];
}

export interface GrpcApi {
  /**
   * Ends what goes on for long: watches and sessions, whose open calls are answered. Resolves when every call has
   * been; the caller bounds the time. The node drains already, so that what comes now is refused.
   */
  finish(): Promise<void>;
}

type SessionCall = ServerDuplexStream<Uint8Array, Uint8Array>;

/** The public gRPC API of a node, with the official health and reflection services. */
export function addGrpcApi(host: ServiceHost, options: GrpcApiOptions): GrpcApi {
  const keeper = doorkeeper(options.tokens);
  const underWay = new Set<Promise<void>>();
  const requestBytes = new RequestBytes(limits.callsBytesMax);
  const sessions = new Set<Session>();
  const watches = new Set<Watch>();
  const session = (call: SessionCall): void =>
    onSession(call, { ...options, keeper, sessions, requestBytes });
  const watch = (call: WatchCall): void => onWatch(call, { ...options, keeper, watches });
  host.addService(publicService as unknown as ServiceDefinition, {
    ...unaryHandlers({ ...options, doorkeeper: keeper, underWay, requestBytes }),
    session: session as UntypedHandleCall,
    watch: watch as UntypedHandleCall,
  });
  const health = watchHealth(options);
  health.implementation.addToServer(host as Parameters<typeof health.implementation.addToServer>[0]);
  addReflection(host, keeper);
  return {
    finish: async () => {
      health.stop();
      for (const one of watches) one.end(draining());
      const ending = [...sessions].map((one) => one.finish());
      await Promise.all([...ending, ...[...watches].map((one) => one.ended), ...underWay]);
    },
  };
}

interface SessionsContext extends GrpcContext {
  readonly keeper: Doorkeeper;
  readonly sessions: Set<Session>;
  readonly requestBytes: RequestBytes;
}

function onSession(call: SessionCall, { keeper, sessions, ...context }: SessionsContext): void {
  const { node, runtime } = context;
  const refused = keeper(call.metadata) ?? (node.draining ? draining() : tooMany(sessions.size));
  if (refused !== undefined) {
    call.emit('error', statusOf(refused));
    return;
  }
  let failed: Failure | undefined;
  const finalStatus = (): StatusObject | undefined => {
    if (failed !== undefined) return statusOf(failed);
    return node.draining ? statusOf(draining()) : undefined;
  };
  const stream = acceptPublicStream(call, {
    timers: runtime.timers,
    limits: { ...defaultStreamLimits, highWaterBytes: limits.sessionRepliesBytesMax },
    onHalfClose: () => void session.finish(),
    finalStatus,
  });
  const session = serveSession(stream, { ...context, onFailure: (why) => (failed = why) });
  sessions.add(session);
  void session.closed.then(() => sessions.delete(session));
}

function tooMany(sessions: number): Failure | undefined {
  if (sessions < limits.sessionsMax) return undefined;
  const message = `${limits.sessionsMax} sessions are open on this node`;
  return failure('OVERLOADED', message, { details: { retryAfterMs: 1000 } });
}

interface WatchesContext extends GrpcContext {
  readonly keeper: Doorkeeper;
  readonly watches: Set<Watch>;
}

function onWatch(call: WatchCall, { keeper, watches, ...context }: WatchesContext): void {
  const refused = keeper(call.metadata);
  if (refused !== undefined) {
    call.emit('error', statusOf(refused));
    return;
  }
  const watch = serveWatch(context, call);
  watches.add(watch);
  void watch.ended.then(() => watches.delete(watch));
}

/** Reflection of the public API and of health, not of the peers' protocol; for those who may call the API. */
function addReflection(host: ServiceHost, keeper: Doorkeeper): void {
  const definitions = { ...loadForReflection(protoFile(publicProto)), ...loadForReflection(healthProto) };
  const services = [publicServiceName, 'grpc.health.v1.Health'];
  new ReflectionService(definitions, { services }).addToServer({
    addService: (definition, implementation) => {
      const guarded = Object.entries(implementation).map(([name, handler]) => [name, guard(keeper, handler)]);
      host.addService(definition, Object.fromEntries(guarded) as UntypedServiceImplementation);
    },
  });
}

function guard(keeper: Doorkeeper, handler: UntypedHandleCall): UntypedHandleCall {
  return ((call: SessionCall) => {
    const refused = keeper(call.metadata);
    if (refused === undefined) (handler as (call: SessionCall) => void)(call);
    else call.emit('error', statusOf(refused));
  }) as UntypedHandleCall;
}

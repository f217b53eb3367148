import fastify, { type FastifyInstance } from 'fastify';
import { Registry } from 'prom-client';
import { limits } from '../../model/limits.js';
import type { Clock, Logger } from '../../runtime/runtime.js';
import type { NodeService } from '../../transaction/service.js';
import { adminDoor, publicDoor, type Door } from '../auth/door.js';
import { admit, Admission, type AdmissionOptions } from './admission.js';
import { parseBytesAlone, parseJsonAlone } from './bodies.js';
import { answerParserError, errorResponder, respondWithoutRoute } from './framework-errors.js';
import { httpsOptions, type HttpsPem } from './https.js';
import { observeKeyspaces, observeRequests, RequestDurations } from './metrics.js';
import { collectOpenApi, openApiRoute } from './openapi.js';
import { plainReadsOf } from './plain-reads.js';
import { refuse } from './refusals.js';
import { adminRoutes } from './routes/admin.js';
import { changesRoute } from './routes/changes.js';
import { clusterRoute } from './routes/cluster.js';
import { healthRoutes } from './routes/health.js';
import { keyRoutes } from './routes/keys.js';
import { keyspaceRoutes } from './routes/keyspaces.js';
import { listRoute } from './routes/list.js';
import { metricsRoute } from './routes/metrics.js';
import { transactRoute } from './routes/transact.js';
import { transactionBatchRoutes, transactionKeyRoutes } from './routes/transaction-keys.js';
import { transactionRoutes } from './routes/transactions.js';
import { compileValidator } from './validation.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Served without a token. */
    public?: boolean;
    /** Served to who has an admin's token. */
    admin?: boolean;
  }
}

export interface HttpServerOptions {
  readonly node: NodeService;
  /** Errors of the server itself; requests are not logged. */
  readonly logger: Logger;
  /** For how long requests take. */
  readonly clock: Clock;
  /** Bearer tokens that are let in; none: everyone is. */
  readonly tokens?: readonly string[];
  /** Bearer tokens of the admin API; without them it is closed when there are `tokens`, and open when there are none. */
  readonly adminTokens?: readonly string[];
  /** Plain text when undefined. */
  readonly https?: HttpsPem | undefined;
  /** Where the metrics go; one of its own when undefined. */
  readonly registry?: Registry;
  /** How much is let in; by default as `limits` has it. */
  readonly admission?: Pick<AdmissionOptions, 'bounds'>;
}

/** How long a request may take to arrive, ms; how long its answer takes is another matter. */
const requestReceiveMsMax = 60_000;

/** The HTTP API of a node, ready to `listen` or `inject`; the caller closes it. */
export async function createHttpServer(options: HttpServerOptions): Promise<FastifyInstance> {
  const { node, logger, clock, registry = new Registry(), admission } = options;
  const respond = errorResponder(node, logger);
  const app = fastify({
    ...httpsOptions(options.https),
    logger: false,
    exposeHeadRoutes: false,
    bodyLimit: limits.requestBodyBytesMax,
    requestTimeout: requestReceiveMsMax,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    frameworkErrors: (error, request, reply) => void respond(error, request, reply),
    clientErrorHandler: answerParserError,
    routerOptions: {
      // Path segments are names and ids; keys are wildcards, which have a limit of their own.
      maxParamLength: 256,
      querystringParser: (raw) => ({ raw }),
    },
  });
  app.setValidatorCompiler(compileValidator);
  app.setSerializerCompiler(() => JSON.stringify);
  app.setErrorHandler(respond);
  parseJsonAlone(app);
  respondWithoutRoute(app, node);
  const { tokens = [], adminTokens = [] } = options;
  const door = publicDoor({ tokens });
  requireToken(app, node, { door, admin: adminDoor({ tokens, adminTokens }) });
  const letsIn = (authorization: string | undefined): boolean => door(authorization) === undefined;
  const durations = new RequestDurations(registry);
  observeRequests(app, clock, durations);
  observeKeyspaces(node, registry, clock);
  await collectOpenApi(app, node.version);
  await registerRoutes(app, node, registry);
  const answersFirst = plainReadsOf(app, { node, letsIn, durations, clock });
  admit(app, new Admission({ node, registry, clock, ...admission }), answersFirst);
  await app.ready();
  return app;
}

async function registerRoutes(app: FastifyInstance, node: NodeService, registry: Registry): Promise<void> {
  await app.register((raw, _options, done) => {
    parseBytesAlone(raw);
    keyRoutes(raw, node);
    transactionKeyRoutes(raw, node);
    done();
  });
  await app.register((json, _options, done) => {
    listRoute(json, node);
    changesRoute(json, node);
    transactRoute(json, node);
    transactionRoutes(json, node);
    transactionBatchRoutes(json, node);
    keyspaceRoutes(json, node);
    clusterRoute(json, node);
    adminRoutes(json, node);
    healthRoutes(json, node);
    metricsRoute(json, registry);
    openApiRoute(json);
    done();
  });
}

function requireToken(
  app: FastifyInstance,
  node: NodeService,
  { door, admin }: { readonly door: Door; readonly admin: Door },
): void {
  app.addHook('onRequest', (request, reply, done) => {
    const { config } = request.routeOptions;
    if (config?.public === true) return done();
    const refused = (config?.admin === true ? admin : door)(request.headers.authorization);
    if (refused === undefined) return done();
    refuse(reply, node, refused);
  });
}

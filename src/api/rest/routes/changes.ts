import type { FastifyInstance } from 'fastify';
import Type, { type Static } from 'typebox';
import { succeed, type Result } from '../../../model/errors.js';
import type { Gtid } from '../../../model/gtid.js';
import { limits } from '../../../model/limits.js';
import type { ChangesRequest, NodeService } from '../../../transaction/service.js';
import { rangeOf } from '../../json-keys.js';
import type { Encoding } from '../../json-values.js';
import { parseToken } from '../../tokens.js';
import { feedErrors, pathParameters, responses } from '../documentation.js';
import { EventStream } from '../event-stream.js';
import { onKeyspace, type KeyspacePath, type KeyspaceRoute } from '../exchange.js';
import { encodingWord, rangeProperties } from '../schemas.js';

const query = Type.Object(
  {
    from: Type.Optional(
      Type.String({
        description:
          'A GTID: what comes after it; `oldest`: from the oldest commit on that this node keeps. Default: what is committed from now on.',
      }),
    ),
    ...rangeProperties,
    encoding: Type.Optional(encodingWord),
  },
  { additionalProperties: false },
);

const headers = Type.Object({
  'Last-Event-ID': Type.Optional(
    Type.String({ description: 'A GTID, as EventSource sends it; wins over `from`.' }),
  ),
});

interface Watching {
  Params: KeyspacePath;
  Querystring: Static<typeof query>;
}

interface WatchInput extends ChangesRequest {
  readonly encoding: Encoding;
}

function positionOf(
  from: string | undefined,
  lastEventId: string | undefined,
): Result<Gtid | 'oldest' | undefined> {
  if (lastEventId !== undefined && lastEventId !== '') return parseToken('header.Last-Event-ID', lastEventId);
  return from === undefined || from === 'oldest' ? succeed(from) : parseToken('query.from', from);
}

/** A stream has its connection to itself: when it ends, nothing keeps that open. */
const streamHeaders = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store',
  'X-Accel-Buffering': 'no',
  Connection: 'close',
};

function watching(opened: (stream: EventStream) => void): KeyspaceRoute<Watching, WatchInput> {
  return {
    parse(request) {
      const { from, encoding = 'json', ...fields } = request.query;
      const range = rangeOf('query', fields);
      if (!range.ok) return range;
      const position = positionOf(from, request.headers['last-event-id'] as string | undefined);
      if (!position.ok) return position;
      return succeed({ from: position.value, range: range.value, encoding });
    },
    run(service, { encoding, ...request }) {
      const feed = service.changes(request);
      if (!feed.ok) return Promise.resolve(feed);
      const stream = new EventStream(feed.value, encoding);
      opened(stream);
      return Promise.resolve(succeed({ gtid: feed.value.position, headers: streamHeaders, body: stream }));
    },
  };
}

export function changesRoute(app: FastifyInstance, node: NodeService): void {
  const streams = new Set<EventStream>();
  const route = watching((stream) => {
    streams.add(stream);
    stream.once('close', () => streams.delete(stream));
  });
  app.addHook('preClose', (done) => {
    for (const stream of streams) stream.stop();
    done();
  });
  app.get<Watching>(
    '/v1/keyspaces/:keyspace/changes',
    {
      schema: {
        tags: ['changes'],
        summary: 'Committed transactions as server-sent events, whole and in order',
        description:
          'One event per commit; its id is the GTID. An event `heartbeat` tells the position at the beginning and after ' +
          `${limits.feedHeartbeatMs} ms without a commit, an event \`error\` carries a Problem and is the last.`,
        operationId: 'watchChanges',
        params: pathParameters(),
        querystring: query,
        headers,
        response: responses({ 200: { raw: 'Events.', contentType: 'text/event-stream' } }, feedErrors),
      },
    },
    onKeyspace(node, route),
  );
}

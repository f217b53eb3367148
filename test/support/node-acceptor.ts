import { RequestBytes } from '../../src/api/grpc/request-bytes.js';
import { serveSession } from '../../src/api/grpc/session.js';
import { failureMessage } from '../../src/api/grpc/failures.js';
import { limits } from '../../src/model/limits.js';
import { parseGtid, type Gtid } from '../../src/model/gtid.js';
import type { Runtime } from '../../src/runtime/runtime.js';
import type { ChangeBatch, NodeService } from '../../src/transaction/service.js';
import { decodeWatchRequest, encodeWatchResponse } from '../../src/transport/public-api/codec.js';
import type { Acceptor } from './loopback-dialler.js';

/** The public API of a node that runs in this process. */
export function nodeAcceptor(node: NodeService, runtime: Runtime): Acceptor {
  const requestBytes = new RequestBytes(limits.callsBytesMax);
  return {
    session: (stream) => void serveSession(stream, { node, runtime, requestBytes }),
    watch: (stream, bytes, end) => {
      const { keyspace, from, range } = decodeWatchRequest(bytes);
      const position = from === '' || parseGtid(from) === undefined ? undefined : (from as Gtid);
      const opened = node.keyspace(keyspace)!.changes({ from: position, range });
      if (!opened.ok) return end(failureMessage(opened.failure));
      const feed = opened.value;
      let closed = false;
      stream.onClose(() => {
        closed = true;
        feed.close();
      });
      void (async () => {
        let batch: ChangeBatch = { commits: [], position: feed.position };
        while (!closed) {
          if (!stream.send(encodeWatchResponse(batch))) await stream.drained();
          const next = await feed.next();
          if (!next.ok) return end(failureMessage(next.failure));
          batch = next.value;
        }
      })();
    },
  };
}

import { createSecureContext } from 'node:tls';
import type { HttpsPem } from '../api/rest/https.js';
import type { Cancel, Runtime } from '../runtime/runtime.js';
import { PeerTls } from '../transport/grpc/peer-tls.js';
import type { NodeConfig } from './config/config.js';
import { PemFiles } from './pem-files.js';

/** What a node serves with TLS. Certificates that are replaced in their files serve connections that begin afterwards. */
export interface NodeTls {
  readonly peer: PeerTls | undefined;
  readonly https: HttpsPem | undefined;
  /** Until cancelled. `renew` throws when the PEM is of no use. */
  watch(runtime: Runtime, renew: (pem: HttpsPem) => void): Cancel;
}

/** Reads the PEM files of both ports; rejects with an Error that names the setting and the file that is missing or wrong. */
export async function openNodeTls(node: NodeConfig): Promise<NodeTls> {
  const { file, id, tls, httpTls } = node;
  let peer: PeerTls | undefined;
  const peerFiles =
    tls === undefined
      ? undefined
      : await PemFiles.read({ file, setting: 'tls' }, tls, (pem) => (peer = new PeerTls(id, pem)));
  const httpFiles =
    httpTls === undefined
      ? undefined
      : await PemFiles.read({ file, setting: 'http.tls' }, httpTls, ({ certificate, key }) =>
          createSecureContext({ cert: certificate, key }),
        );
  return {
    peer,
    https: httpFiles?.pem,
    watch: (runtime, renew) => {
      const cancels = [
        peerFiles?.watch(runtime, (pem) => peer?.renew(pem)),
        httpFiles?.watch(runtime, renew),
      ];
      return () => {
        for (const cancel of cancels) cancel?.();
      };
    },
  };
}

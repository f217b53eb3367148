import type { OpenOrder } from '../orders.js';
import type { Store } from '../store.js';

/** Loads the one client that is needed: the others would only cost start-up time and memory. */
export async function openStore({ protocol, address }: OpenOrder): Promise<Store> {
  switch (protocol) {
    case 'http':
    case 'fastify':
      return (await import('./http.js')).openHttpStore(address);
    case 'grpc':
      return (await import('./grpc.js')).openGrpcStore(address);
    case 'sdk':
    case 'meridian-etcd':
      return (await import('./sdk.js')).openSdkStore(address);
    case 'etcd':
      return (await import('./etcd.js')).openEtcdStore(address);
    case 'galera':
      return (await import('./galera.js')).openGaleraStore(address);
  }
}

import type { Store } from '../store.js';

export function openSdkStore(_address: string): Store {
  throw new Error('the SDK is not there yet');
}

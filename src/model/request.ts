import type { Seqno } from './ids.js';
import type { Key, KeyRange } from './keys.js';
import type { AtomicKind } from './value.js';

/** A mutation as an app asks for it. */
export type MutationRequest =
  | {
      readonly kind: 'set';
      readonly key: Key;
      readonly bytes: Uint8Array;
      readonly contentType: string;
      readonly ttlMs: number | undefined;
    }
  | { readonly kind: 'delete'; readonly key: Key }
  | { readonly kind: 'deleteRange'; readonly range: KeyRange }
  | {
      readonly kind: AtomicKind;
      readonly key: Key;
      readonly operand: bigint;
      readonly ttlMs: number | undefined;
    };

/** 'absent': the key is not there; 'present': it is there, at any version. */
export interface Check {
  readonly key: Key;
  readonly expect: { readonly version: Seqno } | 'absent' | 'present';
}

export type ReadRequest =
  | { readonly kind: 'key'; readonly key: Key }
  | { readonly kind: 'range'; readonly range: KeyRange; readonly limit: number; readonly reverse: boolean };

import type { CommitEventMessage, WatchReply } from '../transport/public-api/messages.js';
import { clientLimits } from './client-limits.js';

interface Held {
  readonly commit: CommitEventMessage;
  readonly bytes: number;
  /** The watch's position once the commit is given out. */
  position: string;
}

interface Taker {
  readonly resolve: (commit: CommitEventMessage | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** The commits between a watch's stream and its consumer. */
export class WatchBuffer {
  readonly #onRoom: () => void;
  #held: Held[] = [];
  #first = 0;
  #bytes = 0;
  #takers: Taker[] = [];
  #position: string | undefined;
  #end: { readonly error: unknown } | undefined;

  /** `onRoom` runs when a commit was taken and half of the room, or more, is free. */
  constructor(onRoom: () => void) {
    this.#onRoom = onRoom;
  }

  get position(): string | undefined {
    return this.#position;
  }

  get full(): boolean {
    return this.#count >= clientLimits.watchCommitsMax || this.#bytes >= clientLimits.watchBytesMax;
  }

  get #count(): number {
    return this.#held.length - this.#first;
  }

  /** Sets where the watch begins. */
  begin(position: string): void {
    this.#position = position;
  }

  add({ commits, position }: WatchReply): void {
    if (this.#end !== undefined) return;
    for (const commit of commits) {
      const bytes = bytesOf(commit);
      this.#held.push({ commit, bytes, position: commit.gtid });
      this.#bytes += bytes;
    }
    // The position that was reached holds once everything before it has been given out.
    if (this.#count === 0) this.#position = position;
    else this.#held[this.#held.length - 1]!.position = position;
    while (this.#takers.length > 0 && this.#count > 0) this.#takers.shift()!.resolve(this.#shift());
  }

  /** Undefined at the end; throws what it ended with, after what was received before. */
  take(): Promise<CommitEventMessage | undefined> {
    if (this.#count > 0) return Promise.resolve(this.#shift());
    if (this.#end !== undefined) return ended(this.#end.error);
    return new Promise((resolve, reject) => this.#takers.push({ resolve, reject }));
  }

  /** The first end counts. */
  end(error: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    for (const { resolve, reject } of this.#takers.splice(0)) ended(error).then(resolve, reject);
  }

  /** Forgets what has not been given out. */
  clear(): void {
    this.#held = [];
    this.#first = 0;
    this.#bytes = 0;
  }

  #shift(): CommitEventMessage {
    const { commit, bytes, position } = this.#held[this.#first]!;
    this.#first += 1;
    this.#bytes -= bytes;
    this.#position = position;
    if (this.#first * 2 >= this.#held.length) {
      this.#held = this.#held.slice(this.#first);
      this.#first = 0;
    }
    if (this.#isHalfEmpty()) this.#onRoom();
    return commit;
  }

  #isHalfEmpty(): boolean {
    return this.#count * 2 <= clientLimits.watchCommitsMax && this.#bytes * 2 <= clientLimits.watchBytesMax;
  }
}

function ended(error: unknown): Promise<undefined> {
  return error === undefined ? Promise.resolve(undefined) : Promise.reject(error);
}

const commitBytes = 128;

function bytesOf({ changes }: CommitEventMessage): number {
  let bytes = commitBytes;
  for (const change of changes) {
    bytes += commitBytes;
    if (change.kind === 'set' && change.value.value.kind === 'bytes')
      bytes += change.value.value.bytes.length;
  }
  return bytes;
}

import { contains, type Operation, type Scan } from './certification-oracle.js';
import type { Script } from './certification-arbitraries.js';

/** A text is what `put` wrote, a number a counter. */
type Cell = { readonly key: Uint8Array; readonly content: string | number; readonly version: number };
/** One state of the store, in the bytewise order of its keys. */
type State = readonly Cell[];

/** A committed script: where it read, where it stands, and what it saw and wrote there. */
export interface CommittedScript {
  readonly script: Script;
  readonly snapshot: number;
  readonly seqno: number;
}

/**
 * The states that a serial execution of committed scripts goes through: each executes whole, at its place in the order,
 * its puts writing what it read there. It knows nothing of certification.
 */
export class CertifiedHistory {
  private readonly states: State[] = [[]];
  readonly committed: CommittedScript[] = [];

  get tail(): number {
    return this.states.length - 1;
  }

  /** What the script's reads give at a seqno. */
  readsAt(seqno: number, script: Script): string {
    const state = this.states[seqno]!;
    const points = script.reads.map((key) => find(state, key)?.content ?? null);
    const scans = script.scans.map((scan) =>
      within(state, scan).map(({ key, content }) => [hex(key), content]),
    );
    return JSON.stringify([points, scans]);
  }

  /** Whether the script adds to a key that holds a text at that seqno: refused at the origin, impossible later. */
  addsToText(seqno: number, script: Script): boolean {
    return run(this.states[seqno]!, script.operations, { version: seqno + 1, text: '' }) === undefined;
  }

  /** Executes the script at the next place; false when it would add to a text there. */
  commit(script: Script, snapshot: number): boolean {
    const seqno = this.tail + 1;
    const text = `#${seqno} saw ${this.readsAt(snapshot, script)}`;
    const state = run(this.states[this.tail]!, script.operations, { version: seqno, text });
    if (state === undefined) return false;
    this.states.push(state);
    this.committed.push({ script, snapshot, seqno });
    return true;
  }

  /** Where reads at the snapshot differ from the same reads at the script's place: not serializable. */
  changedReads(): string[] {
    return this.committed
      .filter(({ script }) => script.isolation === 'serializable')
      .filter(({ script, snapshot, seqno }) => {
        return this.readsAt(snapshot, script) !== this.readsAt(seqno - 1, script);
      })
      .map(({ snapshot, seqno }) => `#${seqno} read at ${snapshot} what had changed at its place`);
  }

  /** Where a snapshot transaction put or cleared what another had changed after its snapshot: a lost update. */
  lostUpdates(): string[] {
    return this.committed
      .filter(({ script }) => script.isolation === 'snapshot')
      .filter(({ script, snapshot, seqno }) => {
        return script.operations.some((operation) => {
          const overwritten = (at: number) => overwrites(this.states[at]!, script, operation);
          return overwritten(snapshot) !== overwritten(seqno - 1);
        });
      })
      .map(({ snapshot, seqno }) => `#${seqno} overwrote what was committed after ${snapshot}`);
  }
}

/** An add to a key that the script has also read is a plain write. */
export function readsKey(script: Script, key: Uint8Array): boolean {
  return (
    script.reads.some((read) => Buffer.compare(read, key) === 0) ||
    script.scans.some((scan) => contains(scan, key))
  );
}

/** The versions of what an operation overwrites: an add to a key that was not read overwrites nothing. */
function overwrites(state: State, script: Script, operation: Operation): string {
  if (operation.kind === 'clear') {
    return JSON.stringify(within(state, operation.scan).map(({ key, version }) => [hex(key), version]));
  }
  if (operation.kind === 'add' && !readsKey(script, operation.key)) return '';
  return String(find(state, operation.key)?.version);
}

interface Writer {
  readonly version: number;
  readonly text: string;
}

/** The state after the operations, or undefined when one adds to a text that was there before them. */
function run(before: State, operations: readonly Operation[], { version, text }: Writer): State | undefined {
  let state = before;
  for (const operation of operations) {
    if (operation.kind === 'clear') {
      state = state.filter((cell) => !contains(operation.scan, cell.key));
      continue;
    }
    const present = find(state, operation.key);
    const own = present?.version === version;
    if (operation.kind === 'add' && typeof present?.content === 'string' && !own) return undefined;
    const count = typeof present?.content === 'number' ? present.content : 0;
    const content = operation.kind === 'put' ? text : count + 1;
    const others = state.filter((cell) => cell !== present);
    state = [...others, { key: operation.key, content, version }].sort((a, b) =>
      Buffer.compare(a.key, b.key),
    );
  }
  return state;
}

function find(state: State, key: Uint8Array): Cell | undefined {
  return state.find((cell) => Buffer.compare(cell.key, key) === 0);
}

function within(state: State, scan: Scan): Cell[] {
  return state.filter((cell) => contains(scan, cell.key));
}

function hex(key: Uint8Array): string {
  return Buffer.from(key).toString('hex');
}

import type { Cancel, Runtime } from '../runtime/runtime.js';
import { Calls } from './calls.js';
import { Causality } from './causality.js';
import { clientLimits, clientTimes } from './client-limits.js';
import type { Dialler } from './dialler.js';
import { Keyspace } from './keyspace.js';
import { Nodes, type RegionChange } from './nodes.js';
import { bytesKeys, rawValues, textKeys, type Reader } from './values.js';

export interface ClientOptions {
  /** host:port of nodes of one cluster, one per region at least; of equally near ones the first is preferred. */
  readonly endpoints: readonly string[];
  /** Of the client's own methods; default `default`. */
  readonly keyspace?: string;
  /** How long a call may take with its retries, ms; default 10,000. */
  readonly requestTimeoutMs?: number;
  /** How long `transact` may take with all its runs, ms; default 30,000. */
  readonly transactTimeoutMs?: number;
  /** How long `connect` may take, ms; default 10,000. */
  readonly connectTimeoutMs?: number;
  /** Ends `connect`. */
  readonly signal?: AbortSignal;
}

export interface KeyspaceOptions {
  /** How keys are given back: as text (default; KEY_NOT_TEXT for what is not UTF-8) or as bytes. */
  readonly keys?: 'text' | 'bytes';
  /** How values are given back: by their content type (default) or, counters aside, as bytes. */
  readonly values?: 'decoded' | 'bytes';
}

export interface EndpointStatus {
  readonly endpoint: string;
  readonly node: string | undefined;
  readonly region: string | undefined;
  /** Connected and not draining. */
  readonly usable: boolean;
  /** ms; undefined while not connected. */
  readonly roundTripMs: number | undefined;
}

/** The world that a client lives in: real, or simulated. */
export interface ClientParts {
  readonly dialler: Dialler;
  readonly runtime: Runtime;
  /** Runs once, when the client is closed. */
  readonly onClose?: () => void;
}

/** A client of one cluster. Its own methods speak to its keyspace; `keyspace` gives the others. */
export class Client extends Keyspace implements AsyncDisposable {
  /** What it has seen, per keyspace: it never reads older. */
  readonly causality: Causality;
  readonly #parts: ClientParts & { readonly calls: Calls };
  readonly #options: ClientOptions;
  readonly #nodes: Nodes;

  private constructor(options: ClientOptions, parts: ClientParts & { readonly calls: Calls }) {
    super(keyspaceParts(options, parts, { name: options.keyspace ?? 'default', reader: textKeys }));
    this.causality = parts.calls.causality;
    this.#parts = parts;
    this.#options = options;
    this.#nodes = parts.calls.nodes;
  }

  /** Resolves when a node is chosen. Rejects with NO_NODE_REACHABLE, UNAUTHENTICATED or the signal's reason. */
  static async open(options: ClientOptions, parts: ClientParts): Promise<Client> {
    const { endpoints, connectTimeoutMs = clientTimes.connectTimeoutMs, signal } = options;
    if (endpoints.length === 0 || endpoints.length > clientLimits.endpointsMax) {
      throw new TypeError(`a client takes 1 to ${clientLimits.endpointsMax} endpoints`);
    }
    const nodes = new Nodes([...new Set(endpoints)], parts.dialler, parts.runtime);
    const calls = new Calls(nodes, new Causality(), parts.runtime);
    const client = new Client(options, { ...parts, calls });
    nodes.open();
    try {
      await nodes.first(calls.bounds(connectTimeoutMs, signal));
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** The region of the node that is asked now; undefined while none can be reached. */
  get region(): string | undefined {
    return this.#nodes.current?.region;
  }

  /** host:port of that node. */
  get endpoint(): string | undefined {
    return this.#nodes.current?.endpoint;
  }

  /** What is known of every endpoint, in the order of the list. */
  get endpoints(): readonly EndpointStatus[] {
    return this.#nodes.links.map(({ endpoint, node, region, usable, connected, roundTripMs }) => ({
      endpoint,
      node,
      region,
      usable,
      roundTripMs: connected ? roundTripMs : undefined,
    }));
  }

  /** Calls `listener` after every change; returns the way to stop that. What it throws is logged, and goes no further. */
  onRegionChange(listener: (change: RegionChange) => void): Cancel {
    return this.#nodes.onRegionChange(listener);
  }

  keyspace(name: string, options?: KeyspaceOptions & { readonly keys?: 'text' }): Keyspace;
  keyspace(name: string, options: KeyspaceOptions & { readonly keys: 'bytes' }): Keyspace<Uint8Array>;
  keyspace(name: string, { keys, values }: KeyspaceOptions = {}): Keyspace | Keyspace<Uint8Array> {
    const open = <K>(reader: Reader<K>): Keyspace<K> =>
      new Keyspace<K>(
        keyspaceParts(this.#options, this.#parts, {
          name,
          reader: values === 'bytes' ? rawValues(reader) : reader,
        }),
      );
    return keys === 'bytes' ? open(bytesKeys) : open(textKeys);
  }

  /** Calls in flight end: with OutcomeUnknownError where a commit was sent, else with CLIENT_CLOSED. */
  close(): void {
    if (this.#nodes.closed) return;
    this.#nodes.close();
    this.#parts.dialler.close();
    this.#parts.onClose?.();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }
}

function keyspaceParts<K>(
  options: ClientOptions,
  { calls, dialler }: { readonly calls: Calls; readonly dialler: Dialler },
  { name, reader }: { readonly name: string; readonly reader: Reader<K> },
) {
  const { requestTimeoutMs = clientTimes.requestTimeoutMs } = options;
  const { transactTimeoutMs = clientTimes.transactTimeoutMs } = options;
  return { name, reader, calls, dialler, requestTimeoutMs, transactTimeoutMs };
}

import type { Cancel, Runtime } from '../runtime/runtime.js';
import type { FailureMessage, SessionWelcome } from '../transport/public-api/messages.js';
import { clientTimes } from './client-limits.js';
import type { Dialler } from './dialler.js';
import { clientClosed, errorOf, errorOfFailure, type MeridianError } from './errors.js';
import { NodeLink, type LinkListener } from './node-link.js';
import { isWorthMoving, nearest, roundsToMove } from './preference.js';
import type { Bounds } from './session.js';

export interface RegionChange {
  /** Undefined at the first choice, and while no node can be reached. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  /** host:port of the node that is asked from now on. */
  readonly endpoint: string | undefined;
}

/** The endpoints of a cluster: which one is asked. The nearest that serves, by measured round trip. */
export class Nodes implements LinkListener {
  readonly #links: readonly NodeLink[];
  readonly #runtime: Runtime;
  readonly #waiters = new Set<() => void>();
  readonly #changeListeners = new Set<(change: RegionChange) => void>();
  #cluster: string | undefined;
  #current: NodeLink | undefined;
  /** Whether the first choice may be made: every endpoint is judged, or the grace is over. */
  #mayChoose = false;
  #cancelGrace: Cancel | undefined;
  #closed = false;

  constructor(endpoints: readonly string[], dialler: Dialler, runtime: Runtime) {
    this.#runtime = runtime;
    const parts = { dialler, runtime, listener: this };
    this.#links = endpoints.map((endpoint, order) => new NodeLink({ endpoint, order }, parts));
  }

  get current(): NodeLink | undefined {
    return this.#current;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Every endpoint with what is known of it, in the order of the list. */
  get links(): readonly NodeLink[] {
    return this.#links;
  }

  /** Returns the way to stop listening. */
  onRegionChange(listener: (change: RegionChange) => void): Cancel {
    this.#changeListeners.add(listener);
    return () => void this.#changeListeners.delete(listener);
  }

  open(): void {
    for (const link of this.#links) link.open();
  }

  close(): void {
    this.#closed = true;
    this.#cancelGrace?.();
    for (const link of this.#links) link.stop('the client is closed');
    this.#wake();
  }

  /** The node to ask for a keyspace, another than `not` where there is one; undefined while none is connected. */
  pick(keyspace: string, not?: NodeLink): NodeLink | undefined {
    if (this.#closed) return undefined;
    const current = this.#current;
    if (current?.usable === true && current !== not && !current.avoids(keyspace)) return current;
    if (!this.#mayChoose) return undefined;
    const usable = this.#links.filter((link) => link.usable);
    const others = usable.filter((link) => link !== not);
    return (
      nearest(others.filter((link) => !link.avoids(keyspace))) ??
      nearest(others) ??
      nearest(usable) ??
      nearest(this.#links.filter((link) => link.connected))
    );
  }

  /** `pick`, once there is one. Undefined at the end of the time; throws CLIENT_CLOSED, and the signal's reason. */
  async next(keyspace: string, bounds: Bounds, not?: NodeLink): Promise<NodeLink | undefined> {
    for (;;) {
      if (this.#closed) throw clientClosed();
      bounds.signal?.throwIfAborted();
      const link = this.pick(keyspace, not);
      if (link !== undefined) return link;
      if (!(await this.#changeWithin(bounds))) return undefined;
    }
  }

  /** Resolves at the first choice. Throws at once when every node refuses the credentials. */
  async first(bounds: Bounds): Promise<void> {
    for (;;) {
      bounds.signal?.throwIfAborted();
      if (this.#current !== undefined) return;
      const isRefused = this.#links.every(({ lastFailure }) => isRefusal(lastFailure?.failure));
      if (isRefused || !(await this.#changeWithin(bounds))) throw this.unreachable();
    }
  }

  /** Why no node can be asked. */
  unreachable(): MeridianError {
    if (this.#closed) return clientClosed();
    const refusal = this.#links.map((link) => link.lastFailure?.failure).find(isRefusal);
    if (refusal !== undefined) return errorOfFailure(refusal);
    const whys = this.#links.map(({ endpoint, lastFailure }) => `${endpoint}: ${lastFailure?.reason ?? '…'}`);
    return errorOf({
      code: 'NO_NODE_REACHABLE',
      message: `no node can be reached (${whys.join('; ')})`,
      retry: 'later',
    });
  }

  accepts(link: NodeLink, welcome: SessionWelcome): boolean {
    this.#cluster ??= welcome.cluster;
    if (welcome.cluster === this.#cluster) return true;
    const { endpoint } = link;
    this.#runtime.logger.error(
      { endpoint, cluster: welcome.cluster, expected: this.#cluster },
      'a node is of another cluster',
    );
    return false;
  }

  onChange(link: NodeLink): void {
    if (this.#closed) return;
    this.#judgeFirstChoice();
    if (this.#mayChoose) this.#reconsider(link);
    this.#wake();
  }

  #judgeFirstChoice(): void {
    if (this.#mayChoose) return;
    if (this.#links.every((link) => link.judged)) {
      this.#mayChoose = true;
    } else if (this.#links.some((link) => link.connected)) {
      this.#cancelGrace ??= this.#runtime.timers.after(clientTimes.choiceGraceMs, () => {
        this.#mayChoose = true;
        this.#reconsider(undefined);
        this.#wake();
      });
    }
  }

  /** At once when the current one does not serve; else only after `changed` was better several times in a row. */
  #reconsider(changed: NodeLink | undefined): void {
    const current = this.#current;
    if (current?.usable !== true) return this.#moveTo(nearest(this.#links.filter((link) => link.usable)));
    if (changed === undefined || changed === current || !changed.usable) return;
    changed.streak = isWorthMoving(changed, current) ? changed.streak + 1 : 0;
    if (changed.streak >= roundsToMove) this.#moveTo(changed);
  }

  #moveTo(link: NodeLink | undefined): void {
    const from = this.#current;
    if (link === from) return;
    this.#current = link;
    for (const other of this.#links) other.streak = 0;
    const change = { from: from?.region, to: link?.region, endpoint: link?.endpoint };
    this.#runtime.logger.info(change, 'the node that is asked has changed');
    for (const listener of this.#changeListeners) this.#tell(listener, change);
  }

  /** What a listener throws is its own affair: the choice of a node goes on. */
  #tell(listener: (change: RegionChange) => void, change: RegionChange): void {
    try {
      listener(change);
    } catch (err) {
      this.#runtime.logger.error({ err }, 'a listener of onRegionChange threw');
    }
  }

  #wake(): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const wake of waiters) wake();
  }

  /** False at the end of the time. */
  #changeWithin({ endMs, signal }: Bounds): Promise<boolean> {
    const { clock, timers } = this.#runtime;
    const leftMs = endMs - clock.monotonicMs();
    if (leftMs <= 0) return Promise.resolve(false);
    return new Promise((resolve) => {
      const cancel = leftMs === Infinity ? () => {} : timers.after(leftMs, () => done(false));
      const onAbort = (): void => done(true);
      const wake = (): void => done(true);
      const done = (changed: boolean): void => {
        cancel();
        this.#waiters.delete(wake);
        signal?.removeEventListener('abort', onAbort);
        resolve(changed);
      };
      this.#waiters.add(wake);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}

function isRefusal(failure: FailureMessage | undefined): failure is FailureMessage {
  return failure?.code === 'UNAUTHENTICATED' || failure?.code === 'PERMISSION_DENIED';
}

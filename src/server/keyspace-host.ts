import type { KeyspaceId, KeyspaceName } from '../model/ids.js';
import { fail, succeed, type Result } from '../model/errors.js';
import { SeenLog } from '../replica/seen-log.js';
import type { Cancel } from '../runtime/runtime.js';
import type { StorePlace } from '../storage/store-place.js';
import { StoreDamaged, type Head, type OpenDatabase } from '../storage/store.js';
import type { KeyspaceService } from '../transaction/service.js';
import type { DonorCandidate } from '../transfer/snapshot-joiner.js';
import type { CertifyWelcome, EntriesHello, TransferHello } from '../transport/messages.js';
import type { PeerStream } from '../transport/peer-transport.js';
import { AbsentKeyspace, type Absence } from './absent-keyspace.js';
import { DonorSearch } from './donor-search.js';
import { donorAt } from './donors.js';
import { KeyspaceJoining } from './keyspace-joining.js';
import type { KeyspaceNode } from './keyspace-node.js';
import { openKeyspaceNode, type HostOptions, type Opening } from './keyspace-opening.js';
import { unfinishedCopy } from './unfinished-copy.js';

interface JoinOrder {
  readonly why: string;
  /** By the operator's word. */
  readonly ordered: boolean;
  /** The home's, as it said itself just now. */
  readonly history?: KeyspaceId;
}

type Change = 'joining' | 'opening' | 'a recovery';

export interface RecoverySteps {
  /** Makes a new history of a copy that is closed; resolves with it closed again. */
  readonly begin: (open: OpenDatabase) => Promise<Head>;
  /** The copy with the new history is the current one, and not open yet. */
  readonly inPlace?: ((head: Head) => Promise<void>) | undefined;
}

const openAgainMs = 1000;

/**
 * One keyspace at one node through its lives: open, with a KeyspaceNode that serves it, or absent while its store is
 * damaged or another copy is brought in. One change at a time.
 */
export class KeyspaceHost {
  readonly name: KeyspaceName;
  readonly #options: HostOptions;
  readonly #seen = new SeenLog();
  readonly #search: DonorSearch;
  #node: KeyspaceNode | undefined;
  #absent: AbsentKeyspace;
  #absence: Pick<Absence, 'state' | 'detail'> = { state: 'joining', detail: 'the node starts' };
  #joining: KeyspaceJoining | undefined;
  /** A change that is under way, and what it is for people. */
  #change: { readonly what: Change; readonly done: Promise<void> } | undefined;
  /** A recovery waits for a join to end. */
  #joinGivesWay = false;
  /** A copy that was being brought in when the node stopped. */
  #unfinished: JoinOrder | undefined;
  #cancelOpening: Cancel = () => {};
  #draining = false;
  #stopped = false;

  /** Opens and verifies the store. One that is damaged is not served. */
  static async open(options: HostOptions): Promise<KeyspaceHost> {
    const host = new KeyspaceHost(options);
    const { keyspace, runtime } = options;
    await host.#openStore({ compare: options.compare, joined: undefined });
    if (host.isHome) return host;
    const unfinished = await unfinishedCopy(keyspace.place, runtime.logger);
    if (unfinished !== undefined) {
      // Over a damaged copy none is begun but on the operator's word.
      const ordered = unfinished.givenUp === true || host.#node === undefined;
      host.#unfinished = { why: 'a copy was being brought in when the node stopped', ordered };
    }
    return host;
  }

  private constructor(options: HostOptions) {
    this.#options = options;
    this.name = options.keyspace.name;
    const { region, keyspace, peers, runtime } = options;
    const { homeNode: home, sharedLog } = keyspace;
    const shared = sharedLog !== undefined;
    this.#search = new DonorSearch({ region, home, shared, peers, runtime });
    this.#absent = this.#newAbsent(undefined);
  }

  get service(): KeyspaceService {
    return this.#node?.service ?? this.#absent;
  }

  /** Undefined while the keyspace is absent. */
  get node(): KeyspaceNode | undefined {
    return this.#node;
  }

  /** Whether this node's store is the log. */
  get isHome(): boolean {
    const { homeNode, sharedLog } = this.#options.keyspace;
    return sharedLog === undefined && homeNode === this.#options.self;
  }

  /** Whether the keyspace is recovered here. */
  get recoversHere(): boolean {
    const { self, keyspace } = this.#options;
    return keyspace.homeNode === self && (this.isHome || keyspace.replaceable !== undefined);
  }

  /** The copy that this node has; undefined when it has none, or none that can be read. */
  get held(): Head | undefined {
    if (this.#node === undefined) return this.#absent.held;
    const { head } = this.#node.store;
    return head.keyspaceId === undefined ? undefined : head;
  }

  /** Whether the log can be restored from it, in its own place. */
  get isRestorable(): boolean {
    const { state } = this.service.status();
    if (this.held === undefined || state === 'damaged') return false;
    if (state !== 'inconsistent') return true;
    // What differs from a log that is replaced may be right all the same.
    return this.#node?.restorable ?? this.#options.keyspace.sharedLog !== undefined;
  }

  get seen(): SeenLog {
    return this.#seen;
  }

  get place(): StorePlace {
    return this.#options.keyspace.place;
  }

  start(): void {
    const unfinished = this.#unfinished;
    if (unfinished === undefined) this.#node?.start();
    else this.#begin('joining', () => this.#join(unfinished));
  }

  /** Not ready from now on. */
  drain(): void {
    this.#draining = true;
    this.#node?.drain();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelOpening();
    this.drain();
    await this.#joining?.stop();
    await this.#change?.done;
    await this.#node?.stop();
    this.#absent.leave('the node stops');
  }

  acceptCertify(stream: PeerStream, welcome: CertifyWelcome): void {
    if (this.#node === undefined) this.#absent.acceptSequencer(stream, welcome);
    else this.#node.acceptSequencer(stream, welcome);
  }

  acceptEntries(stream: PeerStream, hello: EntriesHello): void {
    if (this.#node === undefined) this.#absent.refuseEntries(stream);
    else this.#node.feed.serve(stream, hello);
  }

  acceptTransfer(stream: PeerStream, hello: TransferHello): void {
    const whyNot = this.#node === undefined ? this.#absence.detail : this.#node.whyNotGive();
    if (this.#node === undefined || whyNot !== undefined) stream.close(`no copy from this node: ${whyNot}`);
    else this.#node.donor.serve(stream, hello);
  }

  /** Why no life of this keyspace can be begun or ended now. */
  get busy(): string | undefined {
    if (this.#stopped || this.#draining) return 'the node stops';
    return this.#change === undefined ? undefined : `${this.#change.what} is under way`;
  }

  /** The same for a recovery, which does not wait for a copy that is being brought in: perhaps nobody can give it. */
  get busyBesideJoining(): string | undefined {
    const isJoining = this.#change?.what === 'joining' && !this.#stopped && !this.#draining;
    return isJoining ? undefined : this.busy;
  }

  /** On the operator's word: this node's copy is set aside, and another taken. */
  async rejoin(): Promise<Result<{ readonly setAside: undefined }>> {
    const isFound = await this.#search.soon(() => this.#whyNotRejoin() !== undefined);
    const whyNot =
      this.#whyNotRejoin() ?? (isFound ? undefined : 'no node that serves the keyspace can be reached');
    if (whyNot !== undefined) return fail('OPERATION_REFUSED', whyNot);
    const history = this.#node?.link.otherHistory;
    const order = {
      why: 'an operator ordered it',
      ordered: true,
      ...(history === undefined ? {} : { history }),
    };
    this.#begin('joining', () => this.#join(order));
    return succeed({ setAside: undefined });
  }

  #whyNotRejoin(): string | undefined {
    if (this.isHome) return 'this is the home: its copy is the log; see meridian recover';
    const isSequencing = this.#node?.sequencing === true;
    return isSequencing ? 'this node sequences the keyspace: its copy is not to be replaced' : this.busy;
  }

  /**
   * At the home, not busy beside joining: takes the copy of `source`, its own when that is undefined, and has `begin` make a
   * new history of it before it takes the place of the present one. Rejects when that fails; the keyspace is then as it was,
   * or, when `inPlace` failed, has the new history.
   */
  async recover(source: DonorCandidate | undefined, steps: RecoverySteps): Promise<Head> {
    const { begin, inPlace } = steps;
    const before = this.#change?.done;
    const recovered = new Promise<Head>((resolve, reject) => {
      this.#begin('a recovery', async () => {
        let { compare } = this.#options;
        try {
          await this.#endJoin(before);
          const head = await this.#recover(source, begin);
          await inPlace?.(head);
          await this.#options.keyspace.note?.renew(head);
          // The operator has said which nodes are lost: they are not waited for.
          compare = 'reachable';
          resolve(head);
        } catch (error) {
          reject(error as Error);
        }
        if (!this.#stopped) await this.#openAgain({ compare, joined: undefined });
      });
    });
    return recovered;
  }

  async #endJoin(join: Promise<void> | undefined): Promise<void> {
    this.#joinGivesWay = true;
    await this.#joining?.stop();
    await join;
    this.#joinGivesWay = false;
  }

  async #recover(
    source: DonorCandidate | undefined,
    begin: (open: OpenDatabase) => Promise<Head>,
  ): Promise<Head> {
    const { place } = this;
    await this.#close({ state: 'joining', detail: 'the keyspace is being recovered' }, undefined);
    if (source === undefined) return begin(() => place.openCurrent());
    // What a recovery before this one has left may be of another source.
    await place.dropIncoming();
    let begun: Head | undefined;
    const prepare = async (): Promise<Head> => (begun = await begin(() => place.openIncoming()));
    const donors = (): readonly DonorCandidate[] => donorAt(this.#options.peers(), source);
    const why = `the log is restored from ${source.node}`;
    const end = await this.#bringIn({ why, ordered: true }, { own: undefined, donors, prepare });
    if (end.kind !== 'joined' || begun === undefined)
      throw new Error('the node stopped before it had the copy');
    return begun;
  }

  #begin(what: Change, work: () => Promise<void>): void {
    const { logger } = this.#options.runtime;
    const done = work()
      .catch((error: unknown) => logger.error({ error }, `${what} failed`))
      .finally(() => {
        if (this.#change === change) this.#change = undefined;
      });
    const change = { what, done };
    this.#change = change;
  }

  async #join(order: JoinOrder): Promise<void> {
    const { logger } = this.#options.runtime;
    const { node } = this;
    const own = node === undefined || node.store.damage !== undefined ? undefined : this.held;
    logger.info({ why: order.why, position: own?.position }, 'this node takes a snapshot');
    // A copy that was given up is no longer this node's word: one that differs would stop the sequencer.
    await this.#close({ state: 'joining', detail: order.why }, order.ordered ? undefined : own);
    const donors = this.#search.begin(order.history);
    const end = await this.#bringIn(order, { own, donors });
    switch (end.kind) {
      case 'joined':
        logger.info({ ...end.status, setAside: end.setAside }, 'the snapshot is in its place');
        await this.#noteAnew(end.head);
        return this.#openAgain({ compare: this.#options.compare, joined: end.status });
      case 'different':
        this.#refuseToServe({
          state: 'inconsistent',
          detail: `this node's copy is of another history than that of ${end.donor}: rejoin sets it aside`,
        });
        return this.place.dropIncoming();
      case 'stopped':
    }
  }

  /** What was noted of the copy before says nothing of this one. */
  async #noteAnew(head: Head): Promise<void> {
    const { keyspace, runtime } = this.#options;
    await keyspace.note?.renew(head).catch((error: unknown) => {
      runtime.logger.warn({ error }, 'the head was not noted');
    });
  }

  async #bringIn(
    order: JoinOrder,
    more: Pick<ConstructorParameters<typeof KeyspaceJoining>[0], 'own' | 'donors' | 'prepare'>,
  ) {
    const { self, transport, runtime } = this.#options;
    const { place, name } = this;
    const { why, ordered } = order;
    const ports = { keyspace: name, self, place, transport, runtime, why, ordered, ...more };
    const joining = new KeyspaceJoining(ports);
    this.#joining = joining;
    // A stop that came while the store was being closed has found nothing to stop.
    if (this.#stopped || this.#joinGivesWay) await joining.stop();
    return joining.run();
  }

  /** From here on the keyspace is absent; resolves when its store is closed. `held`: what this node still answers for. */
  async #close(absence: Pick<Absence, 'state' | 'detail'>, held: Head | undefined): Promise<void> {
    const node = this.#node;
    this.#cancelOpening();
    this.#refuseToServe(absence);
    this.#absent.leave('the keyspace changes');
    this.#absent = this.#newAbsent(held);
    this.#node = undefined;
    node?.drain();
    await node?.stop().catch((error: unknown) => {
      this.#options.runtime.logger.warn({ error }, 'the store was not closed well');
    });
  }

  #refuseToServe(absence: Pick<Absence, 'state' | 'detail'>): void {
    this.#absence = absence;
    this.#joining = undefined;
    this.#options.runtime.logger.info(absence, 'this keyspace is not served here');
  }

  /** Tries for as long as it takes, since a disk that is full may have room again; between two tries an operator may act. */
  async #openAgain(opening: Opening): Promise<void> {
    const { logger, timers } = this.#options.runtime;
    try {
      await this.#openStore(opening);
    } catch (error) {
      if (this.#stopped) return;
      logger.error({ error }, 'the store cannot be opened; trying again');
      this.#refuseToServe({ state: 'joining', detail: `the store cannot be opened: ${String(error)}` });
      this.#cancelOpening = timers.after(openAgainMs, () => {
        if (this.busy === undefined) this.#begin('opening', () => this.#openAgain(opening));
      });
      return;
    }
    if (this.#stopped) return;
    this.#node?.start();
    this.#absent.leave('the keyspace is open');
  }

  async #openStore(opening: Opening): Promise<void> {
    const takeSnapshot = (why: string, history: KeyspaceId | undefined): void =>
      this.#takeSnapshot(why, history);
    const opened = await openKeyspaceNode(this.#options, { ...opening, seen: this.#seen, takeSnapshot });
    if (opened instanceof StoreDamaged) this.#refuseToServe({ state: 'damaged', detail: opened.message });
    else {
      this.#node = opened;
      if (this.#draining) opened.drain();
    }
  }

  /** Without an operator's word: of a copy that is served. */
  #takeSnapshot(why: string, history: KeyspaceId | undefined): void {
    const wrong = this.#node?.check.wrong?.why ?? this.#node?.store.damage;
    if (wrong !== undefined) {
      const fields = { why, wrong };
      const { logger } = this.#options.runtime;
      return logger.warn(fields, 'a copy that must not be served is replaced by rejoin alone');
    }
    const order = { why, ordered: false, ...(history === undefined ? {} : { history }) };
    if (this.busy === undefined) this.#begin('joining', () => this.#join(order));
  }

  #newAbsent(held: Head | undefined): AbsentKeyspace {
    const { keyspace, self, runtime } = this.#options;
    const absence = (): Absence => {
      const join = this.#joining?.status;
      if (this.#draining) return { state: 'draining', detail: 'the node stops', join };
      return { ...this.#absence, join };
    };
    const { name, home, sharedLog } = keyspace;
    const log = sharedLog === undefined ? 'embedded' : 'etcd';
    return new AbsentKeyspace({
      name,
      home,
      log,
      self,
      seen: this.#seen,
      logger: runtime.logger,
      held,
      absence,
    });
  }
}

import { nonceBytes } from '../model/entry.js';
import { fail, succeed, type Result } from '../model/errors.js';
import { mintKeyspaceId, seqno, type NodeId } from '../model/ids.js';
import type { FoundLog } from '../ordering/replaceable-log.js';
import type { Runtime } from '../runtime/runtime.js';
import { beginNewHistory } from '../storage/new-history.js';
import type { RecoverOptions, Recovery, RecoveryCopy, RecoveryPlan } from '../transaction/service.js';
import { historyOf, isRestorable, type PeerCopy } from './donors.js';
import type { HeadNote } from './head-note.js';
import type { KeyspaceHost } from './keyspace-host.js';
import type { LogReplacement } from './log-replacement.js';
import {
  missing,
  otherHistories,
  planOf,
  seqnoSeen,
  type KnownCopy,
  type RecoveryFacts,
} from './recovery-plan.js';

export interface RecoveryPorts {
  readonly self: NodeId;
  readonly host: KeyspaceHost;
  readonly peers: () => readonly PeerCopy[];
  readonly note: HeadNote | undefined;
  /** The log that nodes share; undefined: the store of the home is the log. */
  readonly log: LogReplacement | undefined;
  /** Why this node's clock is too far from those of the peers that it reaches, or undefined. */
  readonly obstacle: () => string | undefined;
  /** Whether a node's clock has been compared with this one's. */
  readonly clockCompared: (node: NodeId) => boolean;
  readonly runtime: Runtime;
}

/** Seqnos of a new history begin above a multiple of this, and this far at the least above all that were seen. */
const seqnoStep = 1_000_000_000;
const seqnoMargin = seqnoStep / 10;

/** Restores a keyspace's log at its home from the copy that has come furthest, as the beginning of a new history. */
export class KeyspaceRecovery {
  readonly #ports: RecoveryPorts;

  constructor(ports: RecoveryPorts) {
    this.#ports = ports;
  }

  async plan({ without }: RecoverOptions): Promise<Result<RecoveryPlan>> {
    const refusal = this.#notHere();
    return refusal === undefined
      ? succeed(planOf(await this.#facts(without, await this.#ports.log?.look())))
      : fail('OPERATION_REFUSED', refusal);
  }

  async recover({ without }: RecoverOptions): Promise<Result<Recovery>> {
    const notHere = this.#notHere();
    if (notHere !== undefined) return fail('OPERATION_REFUSED', notHere);
    const found = await this.#ports.log?.look();
    const unknown = typeof found === 'string' ? found : undefined;
    const held = typeof found === 'object' ? await this.#ports.log?.whyHeld(found) : undefined;
    const facts = await this.#facts(without, found);
    const plan = planOf(facts);
    const refusal = this.#notNow(facts, plan) ?? unknown ?? held;
    if (refusal !== undefined) return fail('OPERATION_REFUSED', refusal);
    // Nothing was awaited since the host was found idle.
    return this.#recoverFrom(plan, facts, typeof found === 'object' ? found : undefined);
  }

  #notHere(): string | undefined {
    return this.#ports.host.recoversHere ? undefined : 'this node is not the home of the keyspace';
  }

  #notNow(facts: RecoveryFacts, plan: RecoveryPlan): string | undefined {
    const { host, log } = this.#ports;
    if (host.busyBesideJoining !== undefined) return host.busyBesideJoining;
    if (host.node?.sequencing === true) return 'the keyspace is healthy: its sequencer serves';
    const served = log?.whyServed();
    if (served !== undefined) return served;
    const unasked = missing(facts);
    if (unasked.length > 0) return `${unasked.join(', ')} cannot be asked; name those that are lost`;
    if (plan.source === undefined) return 'no node has a copy that can be taken';
    // Log time and the id floor of the new history are this clock's, and never fall again.
    const { obstacle, clockCompared } = this.#ports;
    const other = plan.copies.find(({ node }) => !clockCompared(node));
    return other === undefined
      ? obstacle()
      : `this node's clock and that of ${other.node} are not compared yet`;
  }

  /** `found`: what a log that nodes share was before. */
  async #recoverFrom(
    plan: RecoveryPlan,
    facts: RecoveryFacts,
    found: FoundLog | undefined,
  ): Promise<Result<Recovery>> {
    const { host, self, runtime, log } = this.#ports;
    const copy = plan.copies.find(({ node }) => node === plan.source)!;
    const uuidBefore = copy.uuid!;
    const seqnoBase = seqno((Math.floor((seqnoSeen(facts) + seqnoMargin) / seqnoStep) + 1) * seqnoStep);
    const uuid = mintKeyspaceId(runtime.random.bytes(16));
    const nonce = Buffer.from(runtime.random.bytes(nonceBytes));
    const beginning = { keyspaceId: uuid, keyspace: host.name, nowMs: runtime.clock.nowMs(), nonce };
    const alsoReplaced = otherHistories(facts, uuidBefore);
    const source =
      plan.source === self ? undefined : { node: copy.node, keyspaceId: uuidBefore, position: copy.position };
    runtime.logger.warn({ ...plan, uuidBefore, uuid, seqnoBase }, 'the log is being recovered');
    try {
      await host.recover(source, {
        begin: (open) => beginNewHistory(open, { ...beginning, seqnoBase, alsoReplaced }, runtime.logger),
        inPlace: found && ((head) => log!.replace(found, head)),
      });
    } catch (error) {
      runtime.logger.error({ error }, 'the log was not recovered');
      return fail('INTERNAL', `the log was not recovered: ${(error as Error).message}`, {
        outcome: 'unknown',
      });
    }
    runtime.logger.warn({ uuid, seqnoBase, unproven: plan.unproven }, 'a new history has begun');
    return succeed({ ...plan, uuidBefore, uuid, seqnoBase });
  }

  async #facts(without: readonly string[], log: FoundLog | string | undefined): Promise<RecoveryFacts> {
    const { peers, note } = this.#ports;
    return { noted: await note?.noted(), nodes: [this.#own(), ...peers().map(knownOf)], without, log };
  }

  #own(): KnownCopy {
    const { host, self } = this.#ports;
    const { state, uuid, position, applied, epoch } = host.service.status();
    const copy: RecoveryCopy = { node: self, uuid, position, seqno: applied, epoch, state };
    const hash = host.held?.chainHash.toString('hex') ?? '';
    return { node: self, copy, hash, seenPosition: host.seen.tail.position, isUsable: host.isRestorable };
  }
}

function knownOf(peer: PeerCopy): KnownCopy {
  const { node, reachable, said } = peer;
  if (!reachable || said === undefined)
    return { node, copy: undefined, hash: '', seenPosition: 0, isUsable: false };
  const { state, position, epoch, seenPosition } = said;
  const uuid = historyOf(said);
  const held = uuid === undefined ? -1 : position;
  const copy: RecoveryCopy = { node, uuid, position: held, seqno: seqno(said.seqno), epoch, state };
  const isUsable = state === 'synced' || state === 'catching-up' || isRestorable(peer);
  return { node, copy, hash: Buffer.from(said.hash).toString('hex'), seenPosition, isUsable };
}

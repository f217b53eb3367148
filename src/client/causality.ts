import { parseGtid } from '../model/gtid.js';
import { clientLimits } from './client-limits.js';

/**
 * The highest GTID that a client has seen, per keyspace: what it sends as a token, so that it never reads older than what
 * it has read or written, whichever node answers.
 */
export class Causality {
  readonly #tokens = new Map<string, { gtid: string; seqno: number }>();

  /** '': none. */
  token(keyspace: string): string {
    return this.#tokens.get(keyspace)?.gtid ?? '';
  }

  /** Raises the token. One of another history changes nothing: the nodes judge the token that is held. */
  note(keyspace: string, gtid: string): void {
    if (gtid === '') return;
    const held = this.#tokens.get(keyspace);
    if (held === undefined) return this.#set(keyspace, gtid);
    if (held.gtid === gtid) return;
    const seqno = Number(gtid.slice(37));
    if (!(seqno > held.seqno) || !held.gtid.startsWith(gtid.slice(0, 37))) return;
    held.gtid = gtid;
    held.seqno = seqno;
  }

  /** Every token, ready for JSON: for another process to `import`. */
  export(): Record<string, string> {
    return Object.fromEntries([...this.#tokens].map(([keyspace, { gtid }]) => [keyspace, gtid]));
  }

  /** Raises the tokens to those of another client. Throws a TypeError for what is no GTID. */
  import(tokens: Readonly<Record<string, string>>): void {
    for (const [keyspace, gtid] of Object.entries(tokens)) {
      if (parseGtid(gtid) === undefined) throw new TypeError(`the token of ${keyspace} is no GTID: ${gtid}`);
    }
    for (const [keyspace, gtid] of Object.entries(tokens)) this.note(keyspace, gtid);
  }

  /** Forgets what was seen of a keyspace, or of all: after HISTORY_MISMATCH, once the app has dealt with it. */
  reset(keyspace?: string): void {
    if (keyspace === undefined) this.#tokens.clear();
    else this.#tokens.delete(keyspace);
  }

  #set(keyspace: string, gtid: string): void {
    const parsed = parseGtid(gtid);
    if (parsed === undefined) return;
    this.#tokens.set(keyspace, { gtid, seqno: parsed.seqno });
    if (this.#tokens.size > clientLimits.tokensMax) this.#tokens.delete(this.#tokens.keys().next().value!);
  }
}

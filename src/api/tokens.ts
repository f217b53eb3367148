import { succeed, type Result } from '../model/errors.js';
import { gtid, parseGtid, type Gtid } from '../model/gtid.js';
import { invalid } from './invalid.js';

/** A causality token as a client sends it; only its form is judged here. */
export function parseToken(field: string, text: string): Result<Gtid> {
  const parsed = parseGtid(text);
  if (parsed === undefined) return invalid(field, 'is not a GTID, <keyspace uuid>:<seqno>');
  return succeed(gtid(parsed.history, parsed.seqno));
}

export function historyOf(token: Gtid): string {
  return token.slice(0, 36);
}

/** The later of the two when they are of one history; `answer` when they are not, or nothing was sent. */
export function laterToken(answer: Gtid, sent: Gtid | undefined): Gtid {
  if (sent === undefined || historyOf(sent) !== historyOf(answer)) return answer;
  return Number(sent.slice(37)) > Number(answer.slice(37)) ? sent : answer;
}

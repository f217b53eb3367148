import { number, object, objects, text, texts, type Json } from './json-fields.js';
import { count } from './quantities.js';
import { tableOf } from './table.js';
import type { Paint } from './terminal.js';

/** What the home says of a recovery, planned or done. */
export interface RecoveryView {
  readonly copies: readonly {
    readonly node: string;
    readonly uuid: string | undefined;
    readonly position: number;
    readonly seqno: number;
    readonly epoch: number;
    readonly state: string;
  }[];
  readonly source: string | undefined;
  readonly seqno: number;
  readonly unproven: { readonly fromPosition: number; readonly toPosition: number } | undefined;
  readonly warnings: readonly string[];
}

export function readRecovery(json: Json): RecoveryView {
  const unproven = object(json['unproven']);
  return {
    copies: objects(json['copies']).map((copy) => ({
      node: text(copy['node']) ?? '?',
      uuid: text(copy['uuid']),
      position: number(copy['position']) ?? -1,
      seqno: number(copy['seqno']) ?? 0,
      epoch: number(copy['epoch']) ?? 0,
      state: text(copy['state']) ?? '?',
    })),
    source: text(json['source']),
    seqno: number(json['seqno']) ?? 0,
    unproven:
      unproven === undefined
        ? undefined
        : {
            fromPosition: number(unproven['fromPosition']) ?? 0,
            toPosition: number(unproven['toPosition']) ?? 0,
          },
    warnings: texts(json['warnings']),
  };
}

export interface PlanOptions {
  readonly keyspace: string;
  /** The node that would do it. */
  readonly home: string;
  /** Where the keyspace's log is, as the home says: 'embedded' or 'etcd'. */
  readonly log: string | undefined;
  readonly without: readonly string[];
  readonly paint: Paint;
}

/** The plan as an operator decides on it: every copy, the one that is taken, what is lost, what is done. */
export function planText(plan: RecoveryView, options: PlanOptions): string {
  const { keyspace, home, without, paint } = options;
  const lines = [paint('bold', `Recovery of ${keyspace} at ${home}`), copiesTable(plan, without, paint)];
  lines.push(...lossText(plan, paint));
  for (const warning of plan.warnings) lines.push(`${paint('yellow', '!')} ${warning}`);
  if (plan.source !== undefined) lines.push('', ...stepsText(plan.source, options));
  return `${lines.join('\n')}\n`;
}

function copiesTable(plan: RecoveryView, without: readonly string[], paint: Paint): string {
  const table = tableOf(['node', 'state', 'history', 'last commit', 'log position', 'epoch', ''], paint);
  for (const { node, state, uuid, seqno, position, epoch } of plan.copies) {
    const held =
      uuid === undefined ? ['no copy', '–', '–', '–'] : [uuid, count(seqno), count(position), count(epoch)];
    table.push([node, state, ...held, node === plan.source ? paint('green', 'taken') : '']);
  }
  const listed = plan.copies.map(({ node }) => node);
  for (const node of without.filter((name) => !listed.includes(name)))
    table.push([node, paint('red', 'given up'), 'not asked', '?', '?', '?', '']);
  return table.toString();
}

function lossText({ source, seqno, unproven }: RecoveryView, paint: Paint): string[] {
  if (source === undefined)
    return [paint('red', 'No node that was asked has a copy: there is nothing to recover from.')];
  if (unproven === undefined)
    return [
      `Every log entry that a node asked is known to have seen is in the copy of ${source}, up to commit ${count(seqno)}.`,
    ];
  const { fromPosition, toPosition } = unproven;
  const which =
    fromPosition === toPosition
      ? `entry ${count(fromPosition)}`
      : `entries ${count(fromPosition)} to ${count(toPosition)}`;
  return [
    `${paint('red', 'Lost')}: log ${which}, which a node has seen and no copy holds. What they committed after commit ${count(seqno)}`,
    'may have been acknowledged to apps, and will not be there.',
  ];
}

function stepsText(source: string, { keyspace, home, log }: PlanOptions): string[] {
  const take =
    source === home
      ? `keeps its own copy of ${keyspace}`
      : `takes the copy of ${source}; its own, if there is one, is set aside`;
  return [
    'What it does:',
    `  1. ${home} ${take}.`,
    '  2. It begins a new history with it: a new uuid, and sequence numbers far above all that were seen. Causality tokens,',
    '     ETags, cursors and feed positions of the old history are refused from then on (HISTORY_MISMATCH).',
    ...(log === 'etcd' ? ['     In etcd it takes the place of the log, whose entries are deleted.'] : []),
    `  3. The other nodes stop serving ${keyspace} until each is told to rejoin; their copies are set aside, not deleted.`,
  ];
}

export interface DoneOptions {
  readonly keyspace: string;
  readonly home: string;
  readonly without: readonly string[];
}

/** What came of it, and what is left to do, as commands. */
export function doneText(json: Json, { keyspace, home, without }: DoneOptions): string {
  const { copies, seqno } = readRecovery(json);
  const before = text(json['uuidBefore']);
  const base = number(json['seqnoBase']);
  const lines = [
    `${keyspace} has the new history ${text(json['uuid']) ?? '?'}${before === undefined ? '' : `, in the place of ${before}`}.`,
    `It begins with everything up to commit ${count(seqno)}${base === undefined ? '' : `; its own commits come after ${count(base)}`}.`,
  ];
  const others = copies.filter(({ node }) => node !== home);
  const rejoining = others.filter(({ uuid, state }) => uuid !== undefined || state === 'damaged');
  if (rejoining.length > 0) {
    lines.push('Now run, for each of the other nodes that has a copy of the old history:');
    for (const { node } of rejoining) lines.push(`  meridian rejoin ${keyspace} --at ${node}`);
  }
  const byThemselves = others.filter((copy) => !rejoining.includes(copy)).map(({ node }) => node);
  if (byThemselves.length > 0)
    lines.push(`Without a copy, and so joining by themselves: ${byThemselves.join(', ')}.`);
  const givenUp = without.filter((name) => name !== home && !others.some(({ node }) => node === name));
  if (givenUp.length > 0) {
    lines.push('And should a node that was given up come back with its old copy:');
    for (const node of givenUp) lines.push(`  meridian rejoin ${keyspace} --at ${node}`);
  }
  return `${lines.join('\n')}\n`;
}

import type { CheckView, ClusterView, JoinView } from './cluster-view.js';
import { barText, bytesText, count, timeText } from './quantities.js';
import type { Paint } from './terminal.js';
import { tableOf } from './table.js';

/** What the asked node keeps of each keyspace, and the last check; undefined when there is nothing to say. */
export function keptTable(view: ClusterView, paint: Paint): string | undefined {
  if (view.keyspaces.every(({ kept, check }) => kept === undefined && check === undefined)) return undefined;
  const table = tableOf(
    [`kept at ${view.node}`, 'entries', 'from position', 'outcomes', 'last check of all nodes'],
    paint,
  );
  for (const { name, kept, check } of view.keyspaces)
    table.push([
      name,
      kept === undefined ? '–' : bytesText(kept.entriesBytes),
      kept === undefined ? '–' : count(kept.oldestPosition),
      kept === undefined ? '–' : `${count(kept.outcomes)} (${bytesText(kept.outcomesBytes)})`,
      checkCell(check, paint),
    ]);
  return table.toString();
}

function checkCell(check: CheckView | undefined, paint: Paint): string {
  if (check === undefined) return paint('dim', 'none');
  const { verdict, seqno, startedMs } = check;
  const at = `at commit ${count(seqno)}${startedMs === undefined ? '' : `, ${timeText(startedMs)}`}`;
  const style = verdict === 'equal' ? 'green' : verdict === 'differs' ? 'red' : 'yellow';
  return `${paint(style, verdict)} ${at}`;
}

/** Two lines for every copy that is on its way, at any of the nodes that answered. */
export function joinsText(views: readonly ClusterView[], paint: Paint): string[] {
  return views.flatMap((view) =>
    view.keyspaces.flatMap(({ name, join }) =>
      join === undefined || join.phase === 'done' ? [] : joinLines(`${name} at ${view.node}`, join, paint),
    ),
  );
}

function joinLines(where: string, join: JoinView, paint: Paint): string[] {
  const from = join.donor === undefined ? '' : ` from ${join.donor}`;
  const head = `${paint('yellow', '↓')} ${where}: ${join.phase.replaceAll('-', ' ')}${from}  ${progressText(join)}`;
  const lines = [head.trimEnd(), paint('dim', `  by ${join.by}: ${join.why}`)];
  if (join.heldUpBy !== undefined) lines.push(`  ${paint('yellow', 'waits')}: ${join.heldUpBy}`);
  return lines;
}

/** How far a copy is, and how fast; empty before its first byte. */
export function progressText({ bytes, bytesTotal, bytesPerSecond }: JoinView): string {
  if (bytes === 0 && bytesTotal === undefined) return '';
  const rate = `${bytesText(bytesPerSecond)}/s`;
  if (bytesTotal === undefined || bytesTotal === 0) return `${bytesText(bytes)}, ${rate}`;
  return `${barText(bytes / bytesTotal)}  ${bytesText(bytes)} of about ${bytesText(bytesTotal)}, ${rate}`;
}

import { lagOf, tailOf, type ClusterView, type NodeView, type ReplicaView } from './cluster-view.js';
import { tableOf } from './table.js';
import { joinsText, keptTable } from './copies-text.js';
import { count } from './quantities.js';
import type { Paint, Style } from './terminal.js';

export interface StatusOptions {
  /** Of the node whose view it is. */
  readonly url: string;
  readonly paint: Paint;
  /** What the other nodes that answered see: of their own copies they know best. */
  readonly others?: readonly ClusterView[];
}

/** The cluster as people read it: nodes, keyspaces, what is kept of them, copies under way, and below whatever is not well. */
export function statusText(view: ClusterView, { url, paint, others = [] }: StatusOptions): string {
  const title = `${paint('bold', view.cluster)} ${paint('dim', `as ${view.node} sees it, ${url}`)}`;
  const notes = notesOf(view).map((note) => `${paint('yellow', '!')} ${note}`);
  const parts = [
    title,
    nodesTable(view, paint),
    keyspacesTable(view, paint),
    keptTable(view, paint),
    ...joinsText([view, ...others], paint),
    ...notes,
  ];
  return parts.filter((part) => part !== undefined).join('\n') + '\n';
}

function nodesTable(view: ClusterView, paint: Paint): string {
  const table = tableOf(['region', 'node', 'state', 'round trip', 'clock skew'], paint);
  for (const node of view.nodes) {
    const self = node.node === view.node;
    table.push([
      node.region,
      node.node,
      node.reachable || self ? paint('green', 'up') : paint('red', 'unreachable'),
      self ? '–' : milliseconds(node.roundTripMs),
      self ? '–' : milliseconds(node.clockSkewMs),
    ]);
  }
  return table.toString();
}

function keyspacesTable(view: ClusterView, paint: Paint): string {
  const table = tableOf(
    ['keyspace', 'home', 'sequencer', 'epoch', 'commits', ...view.nodes.map(({ node }) => `at ${node}`)],
    paint,
  );
  for (const keyspace of view.keyspaces)
    table.push([
      keyspace.name,
      keyspace.home,
      keyspace.sequencer ?? paint('red', 'none'),
      count(keyspace.epoch),
      count(tailOf(view, keyspace.name)),
      ...view.nodes.map((node) => replicaCell(view, node, keyspace.name, paint)),
    ]);
  return table.toString();
}

function replicaCell(view: ClusterView, node: NodeView, name: string, paint: Paint): string {
  const replica = replicaOf(view, node, name);
  if (replica === undefined) return paint('dim', 'unknown');
  const lag = lagOf(view, replica);
  const text = lag === 0 ? replica.state : `${replica.state}, ${count(lag)} behind`;
  if (!node.reachable && node.node !== view.node) return paint('dim', `${text}?`);
  return paint(styleOf(replica.state), text);
}

/** The asked node's own list is fresher than what it tells its peers. */
function replicaOf(view: ClusterView, node: NodeView, name: string): ReplicaView | undefined {
  const own = node.node === view.node ? view.keyspaces.find((keyspace) => keyspace.name === name) : undefined;
  return own ?? node.keyspaces.find((replica) => replica.name === name);
}

function styleOf(state: string): Style {
  if (state === 'synced') return 'green';
  return ['joining', 'catching-up', 'draining'].includes(state) ? 'yellow' : 'red';
}

function notesOf(view: ClusterView): string[] {
  const down = view.nodes
    .filter((node) => !node.reachable && node.node !== view.node)
    .map(
      ({ node, region }) =>
        `${node} (${region}) cannot be reached from ${view.node}; what is shown of it is old.`,
    );
  const details = view.nodes.flatMap((node) =>
    view.keyspaces.flatMap(({ name }) => {
      const detail = replicaOf(view, node, name)?.detail;
      return detail === undefined ? [] : [`${name} at ${node.node}: ${detail}`];
    }),
  );
  const differing = view.keyspaces.flatMap(({ name, check }) =>
    check?.verdict === 'differs' ? [`${name}: the last check found a difference. ${check.detail}`] : [],
  );
  return [...down, ...details, ...differing];
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? '?' : `${value.toFixed(1)} ms`;
}

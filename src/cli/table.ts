import Table from 'cli-table3';
import type { Paint } from './terminal.js';

export function tableOf(head: string[], paint: Paint): Table.Table {
  // The library's own colours do not know NO_COLOR.
  return new Table({
    head: head.map((name) => paint('bold', name)),
    style: { head: [], border: [], compact: true },
  });
}

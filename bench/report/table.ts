export interface Column<T> {
  readonly head: string;
  /** Numbers stand at the right. */
  readonly align: 'left' | 'right';
  readonly cell: (row: T) => string;
}

/** A Markdown table whose columns line up in a terminal as well. */
export function markdownTable<T>(columns: readonly Column<T>[], rows: readonly T[]): string {
  const cells = rows.map((row) => columns.map(({ cell }) => cell(row).replaceAll('|', '\\|')));
  const widths = columns.map(({ head }, i) =>
    Math.max(3, head.length, ...cells.map((line) => line[i]!.length)),
  );
  const lineOf = (texts: readonly string[]): string =>
    `| ${texts.map((text, i) => (columns[i]!.align === 'left' ? text.padEnd(widths[i]!) : text.padStart(widths[i]!))).join(' | ')} |`;
  const rule = columns.map(({ align }, i) =>
    align === 'left' ? '-'.repeat(widths[i]!) : `${'-'.repeat(widths[i]! - 1)}:`,
  );
  return [lineOf(columns.map(({ head }) => head)), lineOf(rule), ...cells.map(lineOf)].join('\n');
}

/** Three digits that count: `1,942`, `16.3`, `0.27`. */
export function short(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

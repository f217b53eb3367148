const units = ['KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `900 B`, `1.5 MiB`. */
export function bytesText(bytes: number): string {
  if (bytes < 1024) return `${Math.round(bytes)} B`;
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1023.95 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(1)} ${units[unit]}`;
}

export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** `1 entry`, `1,234 entries`. */
export function counted(value: number, one: string, many: string): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** `2026-11-22 05:44:37 UTC`. */
export function timeText(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

const barCells = 20;

/** A bar with its percentage; `part` from 0 to 1. */
export function barText(part: number): string {
  const bounded = Math.min(1, Math.max(0, part));
  const full = Math.floor(bounded * barCells);
  return `${'█'.repeat(full)}${'░'.repeat(barCells - full)} ${String(Math.floor(bounded * 100)).padStart(3)} %`;
}

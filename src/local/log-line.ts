import { parseObject } from '../client/http.js';

/** A line of a node's log, as far as the console shows it. */
export interface LogLine {
  /** `crash`: the line is no log line, as the stack of an uncaught error is not. */
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'crash';
  readonly text: string;
}

const levels = ['debug', 'info', 'warn', 'error'] as const;
/** Told by the console already, or of no interest there. */
const quietFields = ['level', 'time', 'node', 'msg'];

export function readLogLine(line: string): LogLine {
  const fields = parseObject(Buffer.from(line));
  if (fields === undefined) return { level: 'crash', text: line };
  const level = levels.find((known) => known === fields['level']) ?? 'error';
  const message = typeof fields['msg'] === 'string' ? fields['msg'] : '';
  const more = Object.entries(fields)
    .filter(([name]) => !quietFields.includes(name))
    .map(([name, value]) => `${name}=${fieldText(value)}`);
  return { level, text: [message, ...more].filter((part) => part !== '').join(' ') };
}

function fieldText(value: unknown): string {
  const message = (value as { message?: unknown } | null)?.message;
  if (typeof message === 'string') return message;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BoundedLog } from './bounded-log.js';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'meridian-log-'));
  path = join(directory, 'node', 'node.log');
});
afterEach(() => rmSync(directory, { recursive: true }));

const write = (log: BoundedLog, text: string): void => log.write(Buffer.from(text));

it('goes on where the last run ended', () => {
  for (const text of ['one\n', 'two\n']) {
    const log = new BoundedLog(path, 100);
    write(log, text);
    log.close();
  }
  expect(readFileSync(path, 'utf8')).toBe('one\ntwo\n');
});

it('begins anew above its bound and keeps one predecessor', () => {
  const log = new BoundedLog(path, 10);
  for (const text of ['11111\n', '22222\n', '33333\n']) write(log, text);
  log.close();
  expect(readFileSync(path, 'utf8')).toBe('33333\n');
  expect(readFileSync(`${path}.1`, 'utf8')).toBe('22222\n');
  expect(readdirSync(join(directory, 'node'))).toHaveLength(2);
});

it('begins anew at a start when the last run filled it', () => {
  const full = new BoundedLog(path, 10);
  write(full, '1234567890');
  full.close();
  new BoundedLog(path, 10).close();
  expect(readFileSync(path, 'utf8')).toBe('');
});

it('drops what a full disk does not take', () => {
  const log = new BoundedLog('/dev/full');
  expect(() => write(log, 'lost\n')).not.toThrow();
  expect(() => write(log, 'lost too\n')).not.toThrow();
  log.close();
});

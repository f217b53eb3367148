import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { runSeed } from './run-seed.js';

const printDigest = fileURLToPath(new URL('print-digest.ts', import.meta.url));

it('is a function of its seed: again in this process and in another one everything happens alike', async () => {
  const first = await runSeed(7);
  const again = await runSeed(7);
  const elsewhere = await promisify(execFile)(process.execPath, ['--import', 'tsx', printDigest, '7']);
  const other = await runSeed(8);
  expect(again.digest).toBe(first.digest);
  expect(elsewhere.stdout).toBe(first.digest);
  expect(other.digest).not.toBe(first.digest);
}, 600_000);

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { assertNever } from '../model/assert.js';
import { seqno } from '../model/ids.js';
import { describeKey, keyFromBytes, type Key, type KeyRange } from '../model/keys.js';
import type { Conflict } from '../model/outcome.js';
import type { Effect } from '../model/write-set.js';
import { CertificationIndex } from './certification-index.js';
import type { CertificationRequest, Verdict } from './request.js';

/*
 * Runs testdata/*.txt, in the spirit of etcd-io/raft's datadriven tests: a block is a command, `----`, its answer.
 *
 *   index [floor=N] [transactions=N] [keys=N] [ranges=N]     a new, empty index
 *   commit EFFECT…                                           records the next commit
 *   certify ISOLATION [S=N] DEPENDENCY… EFFECT…              the verdict
 *   early ISOLATION S=N DEPENDENCY… EFFECT…                  early judgement
 *
 * EFFECT: w(key) a plain write, sum(key) an atomic one, del[start,end) a deleted range; DEPENDENCY: r(key), r[start,end),
 * check(key). An `end` left out is the end of all keys. Keys are UTF-8; `\ff` is the byte 0xff.
 */
const testdata = new URL('./testdata/', import.meta.url);

class Transcript {
  private index = new CertificationIndex(bounds([]), seqno(0));

  answer(command: string): string {
    const [name, ...words] = command.split(/\s+/);
    switch (name) {
      case 'index':
        this.index = new CertificationIndex(bounds(words), seqno(setting(words, 'floor') ?? 0));
        return `floor=${this.index.floor}`;
      case 'commit': {
        const at = seqno(this.index.last + 1);
        this.index.record(at, effects(words));
        return `seqno=${at} floor=${this.index.floor}`;
      }
      case 'certify':
        return describeVerdict(this.index.certify(request(words)));
      case 'early': {
        const conflict = this.index.firstConflict(request(words));
        return conflict === undefined ? 'not doomed' : `doomed: ${describeConflict(conflict)}`;
      }
      default:
        throw new Error(`unknown command: ${command}`);
    }
  }
}

/** The transcript as the certifier writes it. */
function replay(text: string): string {
  const transcript = new Transcript();
  return text
    .split('\n\n')
    .map((block) => {
      const lines = block.split('\n');
      const at = lines.indexOf('----');
      if (at < 0) return block;
      return [...lines.slice(0, at + 1), transcript.answer(lines[at - 1]!)].join('\n');
    })
    .join('\n\n');
}

function bounds(words: readonly string[]) {
  return {
    transactionsMax: setting(words, 'transactions') ?? 100,
    keysMax: setting(words, 'keys') ?? 100,
    deletedRangesMax: setting(words, 'ranges') ?? 10,
  };
}

function setting(words: readonly string[], name: string): number | undefined {
  const word = words.find((candidate) => candidate.startsWith(`${name}=`));
  return word === undefined ? undefined : Number(word.slice(name.length + 1));
}

function request([isolation, ...words]: readonly string[]): CertificationRequest {
  if (isolation !== 'serializable' && isolation !== 'snapshot') throw new Error(`isolation: ${isolation}`);
  const at = setting(words, 'S');
  const rest = words.filter((word) => !word.startsWith('S='));
  const reads = rest.filter((word) => /^(r|check)[([]/.test(word));
  return {
    isolation,
    snapshot: at === undefined ? undefined : seqno(at),
    effects: effects(rest.filter((word) => !reads.includes(word))),
    readKeys: reads.filter((word) => word.startsWith('r(')).map(parseKey),
    readRanges: reads.filter((word) => word.startsWith('r[')).map(parseRange),
    checkKeys: reads.filter((word) => word.startsWith('check(')).map(parseKey),
  };
}

function effects(words: readonly string[]): Effect[] {
  return words.map((word): Effect => {
    if (word.startsWith('w(')) return { kind: 'plain', key: parseKey(word) };
    if (word.startsWith('sum(')) return { kind: 'atomic', key: parseKey(word) };
    if (word.startsWith('del[')) return { kind: 'range', range: parseRange(word) };
    throw new Error(`unknown effect: ${word}`);
  });
}

function parseKey(word: string): Key {
  return keyOf(/^\w+\((.*)\)$/.exec(word)![1]!);
}

function parseRange(word: string): KeyRange {
  const [, start, end] = /^\w+\[(.*),(.*)\)$/.exec(word)!;
  return { start: keyOf(start!), end: end === '' ? undefined : keyOf(end!) };
}

function keyOf(text: string): Key {
  const pieces = text.split(/(\\[0-9a-f]{2})/);
  return keyFromBytes(
    Buffer.concat(
      pieces.map((piece) => Buffer.from(piece.replace(/^\\/, ''), piece[0] === '\\' ? 'hex' : 'utf8')),
    ),
  );
}

function describeVerdict(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'commit':
      return 'commit';
    case 'conflict':
      return `conflict: ${describeConflict(verdict.conflict)}`;
    case 'snapshot-too-old':
      return `snapshot too old: oldest=${verdict.oldest}`;
    case 'snapshot-ahead':
      return `snapshot ahead: tail=${verdict.tail}`;
    default:
      return assertNever(verdict);
  }
}

function describeConflict({ key, winner }: Conflict): string {
  return `${describeKey(key)} won by ${winner}`;
}

describe('transcripts', () => {
  const files = readdirSync(testdata).filter((file) => file.endsWith('.txt'));

  it('cover every rule', () => {
    expect(files.length).toBeGreaterThanOrEqual(9);
  });

  it.each(files)('%s', (file) => {
    const text = readFileSync(new URL(file, testdata), 'utf8').trimEnd();
    expect(text).toContain('\n----\n');
    expect(replay(text)).toBe(text);
  });
});

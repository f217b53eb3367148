import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeHistory, otherHistory } from '../../../test/support/http-fake-node.js';
import { HttpHarness } from '../../../test/support/http-harness.js';
import { gtid } from '../../model/gtid.js';
import { seqno } from '../../model/ids.js';
import type { Key } from '../../model/keys.js';
import { encodeCursor } from '../cursor.js';

const keys = '/v1/keyspaces/default/keys';
const names = ['a', 'b/1', 'b/2', 'b/3', 'ﬀ', '🌍'];

let http: HttpHarness;
beforeEach(async () => {
  http = await HttpHarness.start();
  for (const name of names)
    await http.put(`${keys}/${encodeURIComponent(name)}`, `"${name}"`, {
      'content-type': 'application/json',
    });
});
afterEach(() => http.stop());

interface Page {
  entries: { key: string; version: number; value?: unknown }[];
  cursor?: string;
}

async function page(query: string): Promise<Page> {
  const answer = await http.get(`${keys}?${query}`);
  expect(answer.text).toContain('entries');
  return answer.json() as unknown as Page;
}

async function walk(query: string): Promise<string[]> {
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const { entries, cursor: next }: Page = await page(
      cursor === undefined ? query : `${query}&cursor=${cursor}`,
    );
    seen.push(...entries.map(({ key }) => key));
    cursor = next;
  } while (cursor !== undefined);
  return seen;
}

describe('a list', () => {
  it('walks every key in bytewise order, page by page, forwards and back', async () => {
    expect(await walk('limit=2')).toEqual(names);
    expect(await walk('limit=4&reverse=true')).toEqual(names.toReversed());
    expect(await walk('prefix=b/&limit=1')).toEqual(['b/1', 'b/2', 'b/3']);
    expect(await walk('start=b%2F2&end=%F0%9F%8C%8D&limit=1&reverse=true')).toEqual(['ﬀ', 'b/3', 'b/2']);
  });

  it('shows values, or keys alone, or bytes', async () => {
    expect((await page('prefix=a')).entries).toEqual([{ key: 'a', version: 1, value: 'a' }]);
    expect((await page('prefix=a&keysOnly=true')).entries).toEqual([{ key: 'a', version: 1 }]);
    expect((await page('prefix=a&encoding=base64')).entries).toEqual([
      { key: 'a', version: 1, base64: 'ImEi', contentType: 'application/json' },
    ]);
  });

  it('goes on at least as new as the page before, and as the token sent', async () => {
    const { cursor } = await page('limit=1');
    await http.get(`${keys}?cursor=${cursor}`);
    expect(http.node.default.freshnesses.at(-1)).toMatchObject({ token: `${fakeHistory}:6` });
    await http.get(`${keys}?cursor=${cursor}`, { 'meridian-causality': `${fakeHistory}:3` });
    expect(http.node.default.freshnesses.at(-1)).toMatchObject({ token: `${fakeHistory}:6` });
    await http.get(`${keys}?cursor=${cursor}`, { 'meridian-causality': `${fakeHistory}:9` });
    expect(http.node.default.freshnesses.at(-1)).toMatchObject({ token: `${fakeHistory}:9` });
  });

  it.each([
    ['limit=0', 'query.limit'],
    ['limit=1001', 'query.limit'],
    ['limit=-1', 'query.limit'],
    ['limit=1e2', 'query.limit'],
    ['limit=99999999999999999999', 'query.limit'],
    ['reverse=1', 'query.reverse'],
    ['encoding=hex', 'query.encoding'],
    ['prefix=a&start=b', 'query.prefix'],
    ['start=b&end=a', 'query.end'],
    ['prefix=a&prefix=b', 'query.prefix'],
    ['prefix=%zz', 'query.prefix=%zz'],
    ['prefix=%ff', 'query.prefix=%ff'],
    ['prefixBase64=*', 'query.prefixBase64'],
    ['unknown=1', 'query.unknown'],
    ['__proto__=1', 'query.__proto__'],
    ['cursor=abc', 'query.cursor'],
    ['causalTimeoutMs=60001', 'query.causalTimeoutMs'],
  ])('refuses ?%s and names %s', async (query, field) => {
    const answer = await http.get(`${keys}?${query}`);
    expect(answer.json()).toMatchObject({ status: 400, code: 'INVALID_ARGUMENT', field });
  });

  it('refuses a cursor with parameters that contradict it', async () => {
    const { cursor } = await page('prefix=b/&limit=1');
    for (const more of ['prefix=a', 'start=c', 'reverse=true']) {
      expect((await http.get(`${keys}?cursor=${cursor}&${more}`)).status).toBe(400);
    }
    expect((await http.get(`${keys}?cursor=${cursor}&reverse=false&prefix=b/`)).status).toBe(200);
  });

  it('refuses the cursor of another history', async () => {
    const cursor = encodeCursor({
      gtid: gtid(otherHistory, seqno(1)),
      rest: { start: 'a' as Key, end: undefined },
      reverse: false,
      transaction: '',
    });
    const answer = await http.get(`${keys}?cursor=${cursor}`);
    expect(answer.json()).toMatchObject({ status: 409, code: 'HISTORY_MISMATCH', given: otherHistory });
  });
});

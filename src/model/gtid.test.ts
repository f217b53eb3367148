import fc from 'fast-check';
import { expect, it } from 'vitest';
import { gtid, parseGtid } from './gtid.js';
import { mintKeyspaceId, seqno } from './ids.js';

const history = mintKeyspaceId(Buffer.alloc(16, 0xab));

it('is read back as its history and seqno', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.maxSafeNat(), (random, at) => {
      const id = mintKeyspaceId(random);
      expect(parseGtid(gtid(id, seqno(at)))).toEqual({ history: id, seqno: at });
    }),
  );
});

it('accepts upper case and answers in lower case', () => {
  expect(parseGtid(`${history.toUpperCase()}:7`)).toEqual({ history, seqno: 7 });
});

it.each([
  '',
  ':',
  history,
  `${history}:`,
  `${history}:-1`,
  `${history}:01`,
  `${history}:1.5`,
  `${history}:1e3`,
  `${history}: 1`,
  `${history}:9007199254740992`,
  `${history}:99999999999999999999`,
  `${history}:1:2`,
  `${history.slice(1)}:1`,
  `x${history.slice(1)}:1`,
])('refuses %j', (text) => {
  expect(parseGtid(text)).toBeUndefined();
});

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { uuidText, writeUuid } from './uuid.js';

it('gives the text that the bytes have in hexadecimal, wherever they stand', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(20), (bytes, at) => {
      const room = Buffer.alloc(40, 0xee);
      room.set(bytes, at);
      const text = uuidText(room, at);
      expect(text).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
      expect(text.replaceAll('-', '')).toBe(Buffer.from(bytes).toString('hex'));
      const back = Buffer.alloc(40, 0xee);
      writeUuid(text, back, at);
      expect(back).toEqual(room);
    }),
  );
});

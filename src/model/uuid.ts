/** Where the two digits of each of the 16 bytes stand in the text of a UUID. */
const digitsAt = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34] as const;
const digits = Buffer.from('0123456789abcdef', 'latin1');
/** By char code; chars that are no digit count as 0, for the text was judged before. */
const valueOfDigit = new Uint8Array(128);
digits.forEach((char, value) => (valueOfDigit[char] = value));

/** Reused by every call, which runs to its end before the next; its hyphens stay. */
const text = Buffer.from('00000000-0000-0000-0000-000000000000', 'latin1');

/** The text of the 16 bytes at `at`, in lower case. */
export function uuidText(bytes: Uint8Array, at: number): string {
  for (let i = 0; i < 16; i++) {
    const byte = bytes[at + i]!;
    const place = digitsAt[i]!;
    text[place] = digits[byte >> 4]!;
    text[place + 1] = digits[byte & 0x0f]!;
  }
  return text.toString('latin1');
}

/** Writes the 16 bytes of a UUID's text, which is in lower case. */
export function writeUuid(uuid: string, into: Uint8Array, at: number): void {
  for (let i = 0; i < 16; i++) {
    const place = digitsAt[i]!;
    const high = valueOfDigit[uuid.charCodeAt(place)]!;
    into[at + i] = (high << 4) | valueOfDigit[uuid.charCodeAt(place + 1)]!;
  }
}

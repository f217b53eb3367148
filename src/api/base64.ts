const alphabet = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** The bytes of base64 or base64url, padded or not; undefined when `text` is neither. */
export function decodeBase64(text: string): Buffer | undefined {
  if (!alphabet.test(text)) return undefined;
  const digits = text.length - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0);
  if (digits % 4 === 1 || (digits !== text.length && text.length % 4 !== 0)) return undefined;
  return Buffer.from(text, 'base64');
}

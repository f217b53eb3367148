import { limits } from '../model/limits.js';

export { defaultContentType } from '../model/value.js';

export const jsonContentType = 'application/json';

const mediaType = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+\/[!#$%&'*+.^_`|~0-9A-Za-z-]+[ \t]*(;[\t\x20-\x7e]*)?$/;

/** Whether `text` may be stored as a content type: it comes back as a header, so only what a header may hold. */
export function isContentType(text: string): boolean {
  return text.length <= limits.contentTypeBytesMax && mediaType.test(text);
}

/** application/json, with or without parameters. */
export function isJson(contentType: string): boolean {
  return (
    contentType === jsonContentType || contentType.split(';', 1)[0]!.trim().toLowerCase() === jsonContentType
  );
}

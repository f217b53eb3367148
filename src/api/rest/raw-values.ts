import type { FastifyRequest, RouteGenericInterface } from 'fastify';
import { succeed, type Result } from '../../model/errors.js';
import type { VersionedValue } from '../../model/value.js';
import { defaultContentType, isContentType, jsonContentType } from '../content-type.js';
import { invalid } from '../invalid.js';
import type { GivenValue } from '../json-values.js';

type RawRequest = FastifyRequest<RouteGenericInterface & { Body: Buffer | undefined }>;

const noBytes = Buffer.alloc(0);

/** The value that a raw body is, with its content type; no body is the empty value. */
export function rawBodyOf(request: Pick<RawRequest, 'headers' | 'body'>): Result<GivenValue> {
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    return invalid('header.Content-Encoding', 'values are kept as they come; send them unencoded');
  }
  const contentType = request.headers['content-type'] ?? defaultContentType;
  if (!isContentType(contentType)) return invalid('header.Content-Type', 'is not a media type');
  return succeed({ bytes: request.body ?? noBytes, contentType });
}

/** A failure when a request that takes none has a body. */
export function refuseBody(request: Pick<RawRequest, 'body'>): ReturnType<typeof invalid> | undefined {
  return request.body === undefined || request.body.length === 0
    ? undefined
    : invalid('body', 'must be empty');
}

/** A value as a raw answer: its bytes under its own content type; a counter as decimal digits, which are JSON. */
export function valueHeaders(
  { value, expiresAtMs }: VersionedValue,
  tag: string | undefined,
): { headers: Record<string, string>; body: Uint8Array } {
  const counter = value.kind === 'counter';
  const headers: Record<string, string> = {
    'Content-Type': counter
      ? jsonContentType
      : isContentType(value.contentType)
        ? value.contentType
        : defaultContentType,
    'X-Content-Type-Options': 'nosniff',
  };
  if (tag !== undefined) headers['ETag'] = tag;
  if (counter) headers['Meridian-Kind'] = 'counter';
  if (expiresAtMs !== undefined) headers['Meridian-Expires-At-Ms'] = String(expiresAtMs);
  return { headers, body: counter ? Buffer.from(String(value.count), 'latin1') : value.bytes };
}

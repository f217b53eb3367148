import type { FastifyInstance } from 'fastify';
import { limits } from '../../model/limits.js';
import { jsonContentType } from '../content-type.js';
import { invalid } from '../invalid.js';
import { RefusedPart } from './validation.js';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Bodies of `app` are JSON in UTF-8, or nothing. Members that could reach a prototype are refused. */
export function parseJsonAlone(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    jsonContentType,
    { parseAs: 'buffer', bodyLimit: limits.requestBodyBytesMax },
    (request, body, done) => {
      if (body.length === 0) return done(null, undefined);
      const text = decode(body as Buffer);
      if (text === undefined)
        return done(new RefusedPart(invalid('body', 'is not UTF-8').failure), undefined);
      void parseJson(request, text, done);
    },
  );
}

function decode(body: Buffer): string | undefined {
  try {
    return utf8.decode(body);
  } catch {
    return undefined;
  }
}

/** Bodies of `app` are bytes, whatever their type. */
export function parseBytesAlone(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    '*',
    { parseAs: 'buffer', bodyLimit: limits.valueBytesMax },
    (_request, body, done) => done(null, body),
  );
}

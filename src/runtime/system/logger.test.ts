import { expect, it } from 'vitest';
import { Writable } from 'node:stream';
import { createSystemLogger, type SystemLoggerOptions } from './logger.js';

function capture(options: SystemLoggerOptions) {
  const chunks: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk.toString());
      done();
    },
  });
  return { logger: createSystemLogger({ ...options, destination }), text: () => chunks.join('') };
}

const parse = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

it('writes one JSON object per line with level, time, fields and message', () => {
  const { logger, text } = capture({ fields: { region: 'eu-west' } });
  logger.child({ keyspace: 'eu' }).warn({ lagMs: 12 }, 'behind');
  const [line] = parse(text());
  expect(line).toMatchObject({ level: 'warn', region: 'eu-west', keyspace: 'eu', lagMs: 12, msg: 'behind' });
  expect(line).not.toHaveProperty('pid');
  expect(Number.isNaN(Date.parse(String(line!['time'])))).toBe(false);
});

it('leaves out what is below its level, in children too', () => {
  const { logger, text } = capture({ level: 'warn' });
  logger.debug({}, 'a');
  logger.child({}).info({}, 'b');
  logger.warn({}, 'c');
  logger.error({}, 'd');
  expect(parse(text()).map((line) => line['msg'])).toEqual(['c', 'd']);
});

it('keeps the message and the stack of an error', () => {
  const { logger, text } = capture({});
  logger.error({ error: new TypeError('no such slot') }, 'append failed');
  expect(parse(text())[0]!['error']).toMatchObject({
    type: 'TypeError',
    message: 'no such slot',
    stack: expect.stringContaining('logger.test') as unknown,
  });
});

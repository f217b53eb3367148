import { expect, it } from 'vitest';
import { readLogLine } from './log-line.js';

it('reads level, message and the fields that the console does not show anyway', () => {
  const line = JSON.stringify({
    ...{ level: 'warn', time: 't', node: 'us-east', keyspace: 'eu', lagMs: 5, msg: 'peer is behind' },
    err: { type: 'Error', message: 'broken', stack: 'long' },
  });
  expect(readLogLine(line)).toEqual({ level: 'warn', text: 'peer is behind keyspace=eu lagMs=5 err=broken' });
});

it('takes a level that it does not know for an error', () => {
  expect(readLogLine('{"level":"fatal","msg":"m"}').level).toBe('error');
});

it.each(['    at run (file.js:1:2)', '7', 'null', '"text"', '[]'])(
  'shows %s, which is no log line, as it is',
  (line) => {
    expect(readLogLine(line)).toEqual({ level: 'crash', text: line });
  },
);

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../test/support/eventually.js';
import { ManualTime } from '../../../test/support/manual-time.js';
import { silentLogger } from '../../runtime/runtime.js';
import { createSystemRuntime } from '../../runtime/system/runtime.js';
import { runCommandLine } from '../program.js';

interface Seen {
  readonly request: string;
  readonly authorization: string | undefined;
  readonly body: unknown;
}

const base = '/v1/admin/keyspaces/default';
let server: Server;
let url: string;
let seen: Seen[];
/** By method and path: the body of a 200, or a problem. */
let answers: Record<string, (response: ServerResponse) => void>;

const json =
  (body: object, status = 200) =>
  (response: ServerResponse): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
const problem = (status: number, code: string, detail: string) => (response: ServerResponse) => {
  const body = { status, code, detail, outcome: 'not-committed', retry: 'no' };
  response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(body));
};

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  return text === '' ? undefined : JSON.parse(text);
}

beforeEach(async () => {
  seen = [];
  answers = {};
  server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const named = `${request.method} ${request.url!}`;
      seen.push({ request: named, authorization: request.headers.authorization, body });
      (answers[named] ?? problem(404, 'INVALID_ARGUMENT', `nothing at ${named}`))(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** The command, running; its time is the test's. `typed`: what someone answers at a terminal. */
function start(
  args: readonly string[],
  { typed, given = url }: { typed?: string; given?: string | undefined } = {},
) {
  const [out, err]: [string[], string[]] = [[], []];
  const time = new ManualTime();
  const questions: string[] = [];
  const terminal = {
    out: async (bytes: Uint8Array | string) => void out.push(Buffer.from(bytes as Uint8Array).toString()),
    say: (line: string) => void err.push(line),
    unread: false,
    interactive: typed !== undefined,
    ask: (question: string) => {
      questions.push(question);
      return Promise.resolve(typed);
    },
    paint: (_: unknown, text: string) => text,
  };
  let stop = (): void => {};
  const stopped = new Promise<string>((resolve) => (stop = () => resolve('SIGINT')));
  const environment = given === '' ? {} : { MERIDIAN_URL: given };
  const runtime = { ...createSystemRuntime(silentLogger), timers: time.timers };
  const context = { terminal, environment, runtime, untilStopped: () => stopped };
  const code = runCommandLine(args, context, '1.2.3');
  return { out, err, questions, code, time, stop: () => stop() };
}

async function run(args: readonly string[], options: { typed?: string; given?: string } = {}) {
  const { out, err, questions, code } = start(args, options);
  return { code: await code, out: out.join(''), err: err.join('\n'), questions };
}

describe('rejoin', () => {
  it('has each node of --at give its copy up, and says where that is now', async () => {
    answers[`POST ${base}/rejoin`] = json({ setAside: 'default.set-aside-1' }, 202);
    const { code, out } = await run(['rejoin', 'default', '--at', url, `${url}/`, '--token', 'root']);
    expect(code).toBe(0);
    expect(out).toContain(`${url} takes a new copy of default. Its own is set aside as default.set-aside-1.`);
    const asked = { request: `POST ${base}/rejoin`, authorization: 'Bearer root', body: {} };
    expect(seen).toEqual([asked, asked]);
  });

  it('is of the node of --url without --at', async () => {
    answers[`POST ${base}/rejoin`] = json({}, 202);
    expect((await run(['rejoin', 'default'])).out).toContain('is set aside when the new one takes its place');
  });

  it('passes on why a node refuses, and ends with that', async () => {
    answers[`POST ${base}/rejoin`] = problem(409, 'OPERATION_REFUSED', 'this is the home');
    const { code, err } = await run(['rejoin', 'default']);
    expect([code, err]).toEqual([1, `${url} does not rejoin default:\nOPERATION_REFUSED: this is the home`]);
  });

  it('says that it may have begun when the answer is lost', async () => {
    answers[`POST ${base}/rejoin`] = (response) => void response.destroy();
    const { code, err } = await run(['rejoin', 'default']);
    expect(code).toBe(6);
    expect(err).toContain('may be doing it all the same');
  });

  it('never guesses a node', async () => {
    const { code, err } = await run(['rejoin', 'default'], { given: '' });
    expect(code).toBe(2);
    expect(err).toContain('Name it with --at');
    expect(seen).toEqual([]);
    const unknown = await run(['rejoin', 'default', '--at', 'nowhere']);
    expect([unknown.code, unknown.err]).toEqual([
      2,
      '--at nowhere is neither a URL nor a node of regions/cluster.yaml: us-east, eu-west, ap-south',
    ]);
  });
});

describe('recover', () => {
  const plan = {
    copies: [
      { node: 'us-east', position: -1, seqno: 0, epoch: 0, state: 'damaged' },
      { node: 'eu-west', uuid: 'old', position: 41, seqno: 1040, epoch: 2, state: 'synced' },
      { node: 'eu-north', position: -1, seqno: 0, epoch: 0, state: 'joining' },
    ],
    source: 'eu-west',
    seqno: 1040,
    unproven: { fromPosition: 42, toPosition: 43 },
    warnings: ['the clock of eu-west is 3 s behind'],
  };
  const done = { ...plan, uuidBefore: 'old', uuid: 'new', seqnoBase: 1_000_000_000 };

  beforeEach(() => {
    answers[`GET ${base}`] = json({ node: 'us-east', name: 'default', state: 'damaged' });
    answers[`GET ${base}/recovery`] = json(plan);
    answers[`GET ${base}/recovery?without=ap-south`] = json(plan);
    answers[`POST ${base}/recovery`] = json(done);
  });
  const posted = () => seen.filter(({ request }) => request.startsWith('POST'));

  it('shows every copy, the one that is taken, what is lost and what it does', async () => {
    const { code, out, err, questions } = await run(['recover', 'default', '--without', 'ap-south']);
    const row = (node: string) =>
      out
        .split('\n')
        .find((line) => line.startsWith(`│ ${node} `))
        ?.split('│')
        .map((cell) => cell.trim())
        .filter((cell) => cell !== '');
    expect(row('us-east')).toEqual(['us-east', 'damaged', 'no copy', '–', '–', '–']);
    expect(row('eu-west')).toEqual(['eu-west', 'synced', 'old', '1,040', '41', '2', 'taken']);
    expect(row('ap-south')).toEqual(['ap-south', 'given up', 'not asked', '?', '?', '?']);
    expect(out).toContain('Lost: log entries 42 to 43');
    expect(out).toContain('! the clock of eu-west is 3 s behind');
    expect(out).toContain('1. us-east takes the copy of eu-west; its own, if there is one, is set aside.');
    expect(questions).toHaveLength(1);
    expect([code, err]).toEqual([1, 'Nothing was changed. This is no terminal: confirm with --yes.']);
    expect(posted()).toEqual([]);
  });

  it('does it at the word of who types the name of the keyspace, and of nobody else', async () => {
    for (const typed of ['', 'y', 'yes', 'defaul'])
      expect(await run(['recover', 'default'], { typed })).toMatchObject({
        code: 1,
        err: 'Nothing was changed.',
      });
    expect(posted()).toEqual([]);
    expect((await run(['recover', 'default'], { typed: ' default ' })).code).toBe(0);
    expect(posted()).toMatchObject([{ request: `POST ${base}/recovery`, body: { without: [] } }]);
  });

  it('with --yes does it, and ends with the commands that are left to run', async () => {
    const { code, out, questions } = await run(['recover', 'default', '--without', 'ap-south', '--yes']);
    expect([code, questions]).toEqual([0, []]);
    expect(posted()).toMatchObject([{ body: { without: ['ap-south'] } }]);
    const told = out.split('\n\n').at(-1)!;
    expect(told.split('\n')).toEqual([
      'default has the new history new, in the place of old.',
      'It begins with everything up to commit 1,040; its own commits come after 1,000,000,000.',
      'Now run, for each of the other nodes that has a copy of the old history:',
      '  meridian rejoin default --at eu-west',
      'Without a copy, and so joining by themselves: eu-north.',
      'And should a node that was given up come back with its old copy:',
      '  meridian rejoin default --at ap-south',
      '',
    ]);
  });

  it('says what becomes of a log in etcd', async () => {
    const inEtcd = 'In etcd it takes the place of the log, whose entries are deleted.';
    expect((await run(['recover', 'default'])).out).not.toContain(inEtcd);
    answers[`GET ${base}`] = json({ node: 'us-east', name: 'default', state: 'catching-up', log: 'etcd' });
    expect((await run(['recover', 'default'])).out).toContain(inEtcd);
  });

  it('says when nothing is lost', async () => {
    answers[`GET ${base}/recovery`] = json({ ...plan, unproven: undefined });
    const { out } = await run(['recover', 'default']);
    expect(out).toContain('is in the copy of eu-west, up to commit 1,040.');
    expect(out).not.toContain('Lost');
  });

  it('asks nobody when there is no copy at all', async () => {
    answers[`GET ${base}/recovery`] = json({ copies: [], seqno: 0, warnings: [] });
    const { code, out, questions } = await run(['recover', 'default', '--yes']);
    expect([code, questions]).toEqual([1, []]);
    expect(out).toContain('there is nothing to recover from');
    expect(posted()).toEqual([]);
  });

  it('follows the node when the answer is lost, to the new history or to where it is not known', async () => {
    answers[`POST ${base}/recovery`] = (response) => {
      answers[`GET ${base}`] = json({ node: 'us-east', state: 'joining' });
      response.destroy();
    };
    const { out, err, code, time } = start(['recover', 'default', '--yes']);
    await eventually(
      () => seen.at(-1)?.request === `GET ${base}` && seen.length > 3 && time.nextInMs === 2000,
    );
    answers[`GET ${base}`] = json({ node: 'us-east', state: 'synced', uuid: 'new' });
    time.advance(2000);
    expect(await code).toBe(0);
    expect(err.join()).toContain('following what the node does');
    expect(out.at(-1)).toContain('default has the new history new, in the place of old.');
    expect(out.at(-1)).toContain('everything up to commit 1,040.\n');

    answers[`GET ${base}`] = json({ node: 'us-east', state: 'damaged', detail: 'a hole' });
    answers[`POST ${base}/recovery`] = (response) => void response.destroy();
    const failed = await run(['recover', 'default', '--yes']);
    expect(failed.code).toBe(6);
    expect(failed.err).toContain('default is damaged, and has no new history: a hole');
  });

  it('passes on why it is refused', async () => {
    answers[`POST ${base}/recovery`] = problem(409, 'OPERATION_REFUSED', 'ap-south cannot be asked');
    const { code, err } = await run(['recover', 'default', '--yes']);
    expect(code).toBe(1);
    expect(err).toContain('OPERATION_REFUSED: ap-south cannot be asked');
  });
});

describe('forget-node', () => {
  it('tells the sequencer which node will not come back, and says how long that holds', async () => {
    answers[`POST ${base}/forget-node`] = json({ forgotten: 'eu-west' });
    const { code, out } = await run(['forget-node', 'default', 'eu-west', '--token', 'root']);
    expect([code, seen]).toEqual([
      0,
      [
        {
          request: `POST ${base}/forget-node`,
          authorization: 'Bearer root',
          body: { node: 'eu-west' },
        },
      ],
    ]);
    expect(out).toContain('The log of default no longer waits for eu-west');
    expect(out).toContain('until that node is heard of again');
  });

  it('passes on why it is refused, and by whom it is not', async () => {
    answers[`POST ${base}/forget-node`] = problem(409, 'OPERATION_REFUSED', 'ask us-east, which does');
    const { code, err } = await run(['forget-node', 'default', 'eu-west']);
    expect([code, err]).toEqual([1, 'OPERATION_REFUSED: ask us-east, which does']);
  });

  it('wants a node to be named', async () => {
    expect((await run(['forget-node', 'default'])).code).toBe(2);
    expect(seen).toEqual([]);
  });
});

describe('check', () => {
  const seenAt = (verdict: string, more: object = {}) =>
    json({
      name: 'default',
      state: 'synced',
      check: { mark: 'm7', position: 7, seqno: 1005, verdict, detail: 'all of 3 nodes agree', ...more },
    });
  beforeEach(() => {
    answers[`POST ${base}/check`] = json({ mark: 'm7', position: 7 }, 202);
  });

  it('follows the mark until there is a verdict', async () => {
    answers[`GET ${base}`] = json({ name: 'default', state: 'synced' });
    const { out, err, code, time } = start(['check', 'default']);
    const polled = async (times: number): Promise<void> => {
      // Not of the request, which may wait for its answer yet.
      await eventually(() => seen.length === 1 + times && time.nextInMs === 500);
      time.advance(500);
    };
    await polled(1);
    answers[`GET ${base}`] = seenAt('equal', { mark: 'm6', position: 6 });
    await polled(2);
    answers[`GET ${base}`] = seenAt('running');
    await polled(3);
    answers[`GET ${base}`] = seenAt('equal', { hash: 'ab' });
    expect(await code).toBe(0);
    expect(out.join('')).toBe('equal at commit 1,005, SHA-256 ab\nall of 3 nodes agree\n');
    expect(err).toEqual(['The nodes compare default at log position 7.']);
  });

  it.each([
    ['differs', 7],
    ['incomplete', 5],
    ['something new', 5],
  ])('that %s ends with %i', async (verdict, expected) => {
    answers[`GET ${base}`] = seenAt(verdict);
    expect((await run(['check', 'default'])).code).toBe(expected);
  });

  it('ends when the node itself stops serving for it', async () => {
    answers[`GET ${base}`] = json({ name: 'default', state: 'inconsistent', detail: 'differs from us-east' });
    const { code, err } = await run(['check', 'default']);
    expect(code).toBe(7);
    expect(err).toContain('differs from us-east');
  });

  it('is not followed behind a later one, nor when it is stopped', async () => {
    answers[`GET ${base}`] = seenAt('running', { mark: 'm8', position: 8 });
    expect((await run(['check', 'default'])).code).toBe(5);
    answers[`GET ${base}`] = seenAt('running');
    const { code, stop, err } = start(['check', 'default']);
    stop();
    expect(await code).toBe(5);
    expect(err.at(-1)).toContain('The check goes on');
  });

  it('passes on why it is refused', async () => {
    answers[`POST ${base}/check`] = problem(403, 'PERMISSION_DENIED', 'an admin token is needed');
    expect(await run(['check', 'default'])).toMatchObject({
      code: 1,
      err: 'PERMISSION_DENIED: an admin token is needed',
    });
  });

  it('is asked of the home of the keyspace', async () => {
    const { code, err } = await run(['check', 'nowhere'], { given: '' });
    expect([code, err]).toEqual([4, 'regions/cluster.yaml has no keyspace "nowhere"']);
  });
});

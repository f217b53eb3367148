import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));

it('a command that waits, with no connection open, goes on to its end', async () => {
  let polls = 0;
  const server = createServer((request, response) => {
    const isPoll = request.method === 'GET';
    if (isPoll) polls += 1;
    const verdict = polls > 1 ? 'equal' : 'running';
    const check = { mark: 'm', position: 7, seqno: 5, verdict, detail: 'all agree' };
    const body = JSON.stringify(
      isPoll ? { name: 'default', state: 'synced', check } : { mark: 'm', position: 7 },
    );
    response.writeHead(200, { 'content-type': 'application/json', connection: 'close' }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ended = await new Promise<{ code: unknown; out: string }>((resolve) => {
    const args = ['--import', 'tsx', main, 'check', 'default', '--url', url];
    execFile(process.execPath, args, (error, stdout) => resolve({ code: error?.code ?? 0, out: stdout }));
  });
  server.close();
  expect(ended).toEqual({ code: 0, out: 'equal at commit 5\nall agree\n' });
});

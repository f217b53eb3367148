import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/**
 * A child process that forwards TCP connections and hands every chunk on `oneWayMs` after it came, in order and in any
 * amount: it adds delay and takes no bandwidth. Arguments: target port, one-way delay in ms. Sends its port to its parent.
 */
const targetPort = Number(process.argv[2]);
const oneWayMs = Number(process.argv[3]);

function forward(from: Socket, to: Socket): void {
  const waiting: { readonly dueMs: number; readonly chunk: Buffer }[] = [];
  let timer: NodeJS.Timeout | undefined;
  const pass = (): void => {
    timer = undefined;
    while (waiting[0] !== undefined && waiting[0].dueMs <= performance.now())
      to.write(waiting.shift()!.chunk);
    if (waiting[0] !== undefined) timer = setTimeout(pass, Math.ceil(waiting[0].dueMs - performance.now()));
  };
  from.setNoDelay(true);
  from.on('data', (chunk: Buffer) => {
    if (oneWayMs === 0) to.write(chunk);
    else {
      waiting.push({ dueMs: performance.now() + oneWayMs, chunk });
      timer ??= setTimeout(pass, oneWayMs);
    }
  });
  from.on('close', () => to.destroy());
  from.on('error', () => to.destroy());
}

const server = createServer((near) => {
  const far = connect(targetPort, '127.0.0.1');
  forward(near, far);
  forward(far, near);
});
server.listen(0, '127.0.0.1', () => process.send!((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit());

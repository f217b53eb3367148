import { connect } from 'node:net';

const answerMsMax = 300;

/** Whether host:port answers that nothing listens there. False when something does, and when no answer comes soon. */
export function refusesConnections(address: string): Promise<boolean> {
  const colon = address.lastIndexOf(':');
  const host = address.slice(0, colon).replace(/^\[|\]$/g, '');
  const socket = connect({ host, port: Number(address.slice(colon + 1)) });
  socket.setTimeout(answerMsMax);
  return new Promise((resolve) => {
    const tell = (isRefused: boolean): void => {
      socket.destroy();
      resolve(isRefused);
    };
    socket.once('connect', () => tell(false));
    socket.once('timeout', () => tell(false));
    socket.once('error', ({ code }: NodeJS.ErrnoException) => tell(code === 'ECONNREFUSED'));
  });
}

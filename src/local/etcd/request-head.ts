import type { Socket } from 'node:net';

const headBytesMax = 8192;

/**
 * The head of the first HTTP request on a connection that nothing was read from, or what came before that got too
 * long or the connection ended, which destroys it. The bytes are there to be read again, and the connection is paused.
 */
export function requestHead(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const done = (): void => {
      socket.off('readable', read).off('end', done).off('close', done);
      socket.pause();
      const bytes = Buffer.concat(chunks);
      if (socket.readableEnded) socket.destroy();
      else socket.unshift(bytes);
      resolve(bytes.toString('latin1'));
    };
    const read = (): void => {
      for (let chunk; (chunk = socket.read() as Buffer | null) !== null;) {
        chunks.push(chunk);
        size += chunk.length;
      }
      if (size > headBytesMax || Buffer.concat(chunks).includes('\r\n\r\n')) done();
    };
    socket.on('readable', read).on('end', done).on('close', done);
  });
}

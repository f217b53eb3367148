import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { headerOf, HttpConnection } from './http-connection.js';

let server: Server;
let connection: HttpConnection;
let answer: (request: string, socket: Socket) => void;

beforeEach(async () => {
  server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => answer(bytes.toString('latin1'), socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  connection = new HttpConnection(`127.0.0.1:${(server.address() as AddressInfo).port}`);
});

afterEach(() => {
  connection.close();
  server.close();
});

it('sends a request as HTTP/1.1 has it, and reads status, headers and body', async () => {
  let seen = '';
  answer = (request, socket) => {
    seen = request;
    socket.write('HTTP/1.1 201 Created\r\nMeridian-Region: eu\r\ncontent-length: 2\r\n\r\nok');
  };
  const { status, head, body } = await connection.request('PUT', '/k', Buffer.from('abc'), 'A: b\r\n');
  expect(seen).toMatch(
    /^PUT \/k HTTP\/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\nA: b\r\nContent-Length: 3\r\n\r\nabc$/,
  );
  expect([status, headerOf(head, 'meridian-region'), body.toString()]).toEqual([201, 'eu', 'ok']);
});

it('reads an answer that comes byte by byte, and one without body', async () => {
  answer = (request, socket) => {
    const text = request.startsWith('GET /empty')
      ? 'HTTP/1.1 204 No Content\r\n\r\n'
      : 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc';
    for (const byte of text) socket.write(byte);
  };
  expect((await connection.request('GET', '/')).body.toString()).toBe('abc');
  expect((await connection.request('GET', '/empty')).status).toBe(204);
});

it('rejects when the connection ends, and opens another for the next request', async () => {
  answer = (_, socket) => socket.destroy();
  await expect(connection.request('GET', '/')).rejects.toThrow();
  answer = (_, socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
  expect((await connection.request('GET', '/')).status).toBe(200);
});

it('refuses what it cannot read', async () => {
  answer = (_, socket) => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n');
  await expect(connection.request('GET', '/')).rejects.toThrow('without Content-Length');
  answer = (_, socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab');
  await expect(connection.request('GET', '/')).rejects.toThrow('more than one answer');
});

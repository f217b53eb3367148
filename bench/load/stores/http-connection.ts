import { connect, type Socket } from 'node:net';

export interface HttpAnswer {
  readonly status: number;
  /** The status line and all header lines. */
  readonly head: string;
  readonly body: Buffer;
}

const endOfHead = Buffer.from('\r\n\r\n');
const empty = Buffer.alloc(0);
const timeoutMs = 60_000;

interface Waiting {
  resolve(answer: HttpAnswer): void;
  reject(error: Error): void;
}

/**
 * A kept-alive HTTP/1.1 connection written straight on a socket, one request at a time. A load generator that costs more
 * than the server measures itself: through `node:http` a request costs about three times the CPU
 * (docs/guides/benchmarks.md has the figures). It reads answers with Content-Length, or without body; others are an error.
 */
export class HttpConnection {
  private socket: Socket | undefined;
  private waiting: Waiting | undefined;
  private received: Buffer = empty;
  private readonly host: string;
  private readonly port: number;

  /** `address`: host:port. Connects with the first request, and again with the first after a failure. */
  constructor(private readonly address: string) {
    const colon = address.lastIndexOf(':');
    this.host = address.slice(0, colon);
    this.port = Number(address.slice(colon + 1));
  }

  /** `head`: further header lines, each ending in CRLF. Rejects when the connection breaks before the answer is here. */
  request(method: string, path: string, body?: Buffer, head = ''): Promise<HttpAnswer> {
    const length = body === undefined ? '' : `Content-Length: ${body.length}\r\n`;
    const text = `${method} ${path} HTTP/1.1\r\nHost: ${this.address}\r\n${head}${length}\r\n`;
    const socket = (this.socket ??= this.open());
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      if (body === undefined) socket.write(text, 'latin1');
      else socket.write(Buffer.concat([Buffer.from(text, 'latin1'), body]));
    });
  }

  close(): void {
    this.socket?.destroy();
  }

  private open(): Socket {
    const socket = connect({ host: this.host, port: this.port, noDelay: true });
    const fail = (reason: string): void => {
      if (this.socket !== socket) return;
      this.socket = undefined;
      this.received = empty;
      socket.destroy();
      const { waiting } = this;
      this.waiting = undefined;
      waiting?.reject(new Error(reason));
    };
    socket.setTimeout(timeoutMs, () => fail('timeout'));
    socket.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message));
    socket.on('close', () => fail('connection closed'));
    socket.on('data', (chunk: Buffer) => {
      try {
        this.receive(chunk);
      } catch (error) {
        fail((error as Error).message);
      }
    });
    return socket;
  }

  private receive(chunk: Buffer): void {
    const bytes = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk]);
    const headEnd = bytes.indexOf(endOfHead);
    this.received = bytes;
    if (headEnd < 0) return;
    const head = bytes.toString('latin1', 0, headEnd);
    const bodyStart = headEnd + endOfHead.length;
    const end = bodyStart + bodyLength(head);
    if (bytes.length < end) return;
    if (bytes.length > end) throw new Error('more than one answer');
    this.received = empty;
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.resolve({ status: statusOf(head), head, body: bytes.subarray(bodyStart, end) });
  }
}

function statusOf(head: string): number {
  return Number(head.slice(9, 12));
}

function bodyLength(head: string): number {
  const length = headerOf(head, 'content-length');
  if (length !== undefined) return Number(length);
  const status = statusOf(head);
  if (status === 204 || status === 304) return 0;
  throw new Error('an answer without Content-Length');
}

const patterns = new Map<string, RegExp>();

/** `name` in lower case. */
export function headerOf(head: string, name: string): string | undefined {
  let pattern = patterns.get(name);
  if (pattern === undefined) patterns.set(name, (pattern = new RegExp(`\\r\\n${name}: *([^\\r]*)`, 'i')));
  return pattern.exec(head)?.[1];
}

import { Agent, request, type IncomingHttpHeaders } from 'node:http';

/** As JSON.parse gives it: a test looks into it freely, and fails when it looks for what is not there. */
export type Json = ReturnType<typeof JSON.parse>;

export interface HttpQuestion {
  readonly method?: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE' | 'PATCH';
  /** Sent as it is, whatever it holds. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes are sent as they are, anything else as JSON; undefined: no body. */
  readonly body?: unknown;
  /** ms until it counts as not answered. */
  readonly timeoutMs?: number;
}

export interface HttpReply {
  readonly kind: 'reply';
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  /** The body where it is JSON, else undefined. */
  readonly json: Json;
}

export type HttpOutcome =
  | HttpReply
  /** Nobody listened: not a byte was sent. */
  | { readonly kind: 'unsent'; readonly message: string }
  /** Sent, perhaps in part, and never answered. */
  | { readonly kind: 'no-reply'; readonly message: string };

const timeoutMsDefault = 30_000;

/** Requests of a test to one node, over connections that are kept. */
export class HttpClient {
  readonly #url: URL;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });

  constructor(url: string) {
    this.#url = new URL(url);
  }

  /** Never rejects for what the node does or fails to do. */
  send(question: HttpQuestion): Promise<HttpOutcome> {
    const { method = 'GET', path, body, timeoutMs = timeoutMsDefault } = question;
    const payload = payloadOf(body);
    const headers: Record<string, string> = {
      ...(payload === undefined ? {} : { 'Content-Length': String(payload.length) }),
      ...(payload === undefined || Buffer.isBuffer(body) ? {} : { 'Content-Type': 'application/json' }),
      ...question.headers,
    };
    return new Promise((resolve) => {
      const { hostname, port } = this.#url;
      const sent = request({ hostname, port, path, method, headers, agent: this.#agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          resolve(replyOf(response.statusCode!, response.headers, Buffer.concat(chunks))),
        );
        response.on('error', ({ message }) => resolve({ kind: 'no-reply', message }));
      });
      sent.setTimeout(timeoutMs, () => sent.destroy(new Error(`no answer within ${timeoutMs} ms`)));
      sent.on('error', (error: NodeJS.ErrnoException) => {
        resolve({ kind: error.code === 'ECONNREFUSED' ? 'unsent' : 'no-reply', message: error.message });
      });
      sent.end(payload);
    });
  }

  /** Rejects unless the node answers, with whatever status. */
  async ask(question: HttpQuestion): Promise<HttpReply> {
    const outcome = await this.send(question);
    if (outcome.kind !== 'reply') throw new Error(`${question.path} was not answered: ${outcome.message}`);
    return outcome;
  }

  /** The answer's JSON; rejects unless its status is 2xx. */
  async json(question: HttpQuestion): Promise<Json> {
    const { status, json, bytes } = await this.ask(question);
    if (status < 200 || status > 299) throw new Error(`${question.path}: ${status} ${bytes.toString()}`);
    return json;
  }

  close(): void {
    this.#agent.destroy();
  }
}

function payloadOf(body: unknown): Buffer | undefined {
  if (body === undefined || Buffer.isBuffer(body)) return body;
  return Buffer.from(JSON.stringify(body), 'utf8');
}

function replyOf(status: number, headers: IncomingHttpHeaders, bytes: Buffer): HttpReply {
  const isJson = /json/.test(headers['content-type'] ?? '');
  return {
    kind: 'reply',
    status,
    headers,
    bytes,
    json: isJson ? JSON.parse(bytes.toString('utf8')) : undefined,
  };
}

import { Agent, request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';

export interface Question {
  readonly method: 'GET' | 'PUT' | 'POST';
  /** From the root, percent-encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | undefined;
}

export interface Answer {
  readonly kind: 'answer';
  /** 2xx. */
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A problem body of the API (RFC 9457). */
export interface Problem {
  readonly kind: 'problem';
  readonly code: string;
  readonly detail: string;
  /** The catalogue's word on how to try again. */
  readonly retry: string;
  /** Of the transaction id. */
  readonly outcome: string;
  readonly retryAfterMs: number;
  /** Meridian-Causality: for a conflict, not below its winner. */
  readonly token: string | undefined;
}

/** It may have arrived, and nothing that says more came back. */
export interface NoAnswer {
  readonly kind: 'no-answer';
  readonly message: string;
}

export type Exchange = Answer | Problem | NoAnswer;

const timeoutMs = 30_000;

/** HTTP to the node of one region, over connections that stay open. */
export class RegionClient {
  private readonly agent = new Agent({ keepAlive: true, scheduling: 'lifo' });
  private readonly base: URL;

  constructor(
    readonly region: string,
    url: string,
  ) {
    this.base = new URL(url);
  }

  /** One exchange; never rejects for what the node does. */
  send({ method, path, headers, body }: Question): Promise<Exchange> {
    const { hostname, port } = this.base;
    const length = body === undefined ? {} : { 'Content-Length': String(body.length) };
    return new Promise((resolve) => {
      const sent = request({
        ...{ agent: this.agent, hostname, port, method, path, timeout: timeoutMs },
        headers: { ...length, ...headers },
      });
      const giveUp = (error: Error): void => resolve({ kind: 'no-answer', message: error.message });
      sent.on('timeout', () => sent.destroy(new Error(`no answer from ${this.region} in ${timeoutMs} ms`)));
      sent.on('error', giveUp);
      sent.on('response', (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', giveUp);
        response.on('end', () => resolve(judge(response, Buffer.concat(chunks))));
      });
      sent.end(body);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

function judge(response: IncomingMessage, body: Buffer): Exchange {
  const { statusCode: status = 0, headers } = response;
  if (status >= 200 && status < 300) return { kind: 'answer', status, headers, body };
  const fields = fieldsOf(body);
  if (typeof fields['code'] !== 'string')
    return { kind: 'no-answer', message: `HTTP ${status} without a problem body` };
  const text = (name: string): string => String(fields[name] ?? '');
  return {
    kind: 'problem',
    code: fields['code'],
    detail: text('detail'),
    retry: text('retry'),
    outcome: text('outcome'),
    retryAfterMs: Number(headers['retry-after'] ?? 0) * 1000,
    token: tokenOf(headers),
  };
}

export function tokenOf(headers: IncomingHttpHeaders): string | undefined {
  const token = headers['meridian-causality'];
  return typeof token === 'string' ? token : undefined;
}

function fieldsOf(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

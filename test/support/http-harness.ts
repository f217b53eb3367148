import { request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { Compile } from 'typebox/schema';
import { createHttpServer, type HttpServerOptions } from '../../src/api/rest/server.js';
import { systemClock } from '../../src/runtime/system/clock.js';
import { silentLogger } from '../../src/runtime/runtime.js';
import { FakeNode } from './http-fake-node.js';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly text: string;
  readonly bytes: Buffer;
  /** The body as JSON; throws when it is none. */
  json(): Record<string, unknown>;
}

type Document = Readonly<Record<string, unknown>>;

/** A server on a fake node. Every answer is held against /openapi.json: path, status, content type, JSON. */
export class HttpHarness {
  readonly #document: Document;

  private constructor(
    readonly app: FastifyInstance,
    readonly node: FakeNode,
  ) {
    this.#document = app.swagger() as unknown as Document;
  }

  static async start(options: Partial<HttpServerOptions> = {}, node = new FakeNode()): Promise<HttpHarness> {
    return new HttpHarness(
      await createHttpServer({ node, logger: silentLogger, clock: systemClock, ...options }),
      node,
    );
  }

  async stop(): Promise<void> {
    await this.app.close();
  }

  async send(
    method: string,
    url: string,
    more: Omit<InjectOptions, 'method' | 'url'> = {},
  ): Promise<HttpAnswer> {
    const response = await this.app.inject({ ...more, method: method as 'GET', url });
    const answer = answerOf(response.statusCode, response.headers, response.rawPayload);
    this.#hold(method, url, answer);
    return answer;
  }

  get(url: string, headers: Record<string, string> = {}): Promise<HttpAnswer> {
    return this.send('GET', url, { headers });
  }

  post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<HttpAnswer> {
    return this.send('POST', url, {
      headers: { 'content-type': 'application/json', ...headers },
      payload: JSON.stringify(body),
    });
  }

  put(url: string, payload: string | Buffer, headers: Record<string, string> = {}): Promise<HttpAnswer> {
    return this.send('PUT', url, { headers, payload });
  }

  /** Over a socket, with the path exactly as it is given: no client normalises it. */
  async sendRaw(
    method: string,
    path: string,
    body?: Buffer,
    headers: Record<string, string> = {},
  ): Promise<HttpAnswer> {
    if (!this.app.server.listening) await this.app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = this.app.server.address() as AddressInfo;
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port, method, path, headers, agent: false };
      const outgoing = httpRequest(options, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('end', () =>
          resolve(answerOf(incoming.statusCode!, incoming.headers, Buffer.concat(chunks))),
        );
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  #hold(method: string, url: string, answer: HttpAnswer): void {
    const path = url.split('?', 1)[0]!;
    const operation = operationOf(this.#document, path, method.toLowerCase());
    if (operation === undefined) return;
    const where = `${method} ${path} → ${answer.status}: ${answer.text}`;
    const response = operation[String(answer.status)];
    if (response === undefined) throw new Error(`an answer that OpenAPI does not know: ${where}`);
    const type = answer.headers['content-type']?.split(';', 1)[0] ?? '';
    const schema = response.content?.[type]?.schema;
    if (schema === undefined) {
      if (answer.text === '' || response.content?.['*/*'] !== undefined || type === 'text/plain') return;
      throw new Error(`OpenAPI has no ${type} for ${where}`);
    }
    if (schema['format'] === 'binary') return;
    const components = this.#document['components'];
    if (!Compile({ ...schema, components } as Parameters<typeof Compile>[0]).Check(answer.json())) {
      throw new Error(`an answer that is not what OpenAPI says: ${where}`);
    }
  }
}

interface Response {
  readonly content?: Readonly<Record<string, { readonly schema?: Record<string, unknown> }>>;
}

function operationOf(document: Document, path: string, method: string): Record<string, Response> | undefined {
  const paths = document['paths'] as Record<string, Record<string, { responses: Record<string, Response> }>>;
  for (const [template, methods] of Object.entries(paths)) {
    const source = template
      .replaceAll('.', '\\.')
      .replace('{key}', '.*')
      .replaceAll(/\{[a-z]+\}/g, '[^/]+');
    if (new RegExp(`^${source}$`).test(path) && methods[method] !== undefined)
      return methods[method].responses;
  }
  return undefined;
}

function answerOf(
  status: number,
  headers: Readonly<Record<string, number | string | string[] | undefined>>,
  bytes: Buffer,
): HttpAnswer {
  const text = bytes.toString('utf8');
  return {
    status,
    headers: headers as Record<string, string | undefined>,
    text,
    bytes,
    json: () => JSON.parse(text) as Record<string, unknown>,
  };
}

import type { Timers } from '../runtime/runtime.js';
import { bytesOf, sendRequest, type HttpResponse } from './http-request.js';

export interface HttpTarget {
  /** Scheme, host and port of a node. */
  readonly url: string;
  /** A bearer token. */
  readonly token?: string | undefined;
  /** PEM of the authorities to trust when the URL is of https; undefined: those of Node.js. */
  readonly ca?: Buffer | undefined;
}

export interface HttpQuestion {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** From the root, percent-encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: Uint8Array;
  /** ms for the whole exchange. */
  readonly timeoutMs: number;
}

export interface HttpAnswer {
  readonly kind: 'answer';
  /** 2xx. */
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

/** A problem body of the API (RFC 9457). */
export interface ApiProblem {
  readonly kind: 'problem';
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  /** Of the transaction id: `not-committed`, `committed` or `unknown`. */
  readonly outcome: string;
  /** Every member of the body. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export type HttpOutcome =
  | HttpAnswer
  | ApiProblem
  /** No connection: the request was not sent. */
  | { readonly kind: 'unreachable'; readonly message: string }
  /** It may have been sent, and no answer that says more came back. */
  | { readonly kind: 'no-answer'; readonly message: string };

/** Errors before a byte of the request leaves. */
const unsent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

/** OpenSSL's words for a certificate that is not taken, before a byte of the request leaves too. */
const untrusted = new Set([
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** One exchange; never throws for what the other side does. */
export async function exchange(
  target: HttpTarget,
  question: HttpQuestion,
  timers: Timers,
): Promise<HttpOutcome> {
  const abort = new AbortController();
  const cancel = timers.after(question.timeoutMs, () => abort.abort());
  try {
    const response = await sendRequest({
      url: urlOf(target, question),
      method: question.method,
      headers: headersOf(target, question),
      body: question.body,
      ca: target.ca,
      signal: abort.signal,
    });
    return judge(target, response, await bytesOf(response));
  } catch (error) {
    if (abort.signal.aborted)
      return { kind: 'no-answer', message: `no answer from ${target.url} within ${question.timeoutMs} ms` };
    return unanswered(target, error);
  } finally {
    cancel();
  }
}

/** What became of an exchange that sending it, or reading its answer, threw out of. */
export function unanswered(target: HttpTarget, error: unknown): Exclude<HttpOutcome, HttpAnswer> {
  const { message, code = '' } = error as NodeJS.ErrnoException;
  const text = `${target.url}: ${message || code}`;
  if (untrusted.has(code))
    return {
      kind: 'unreachable',
      message: `${text}; --ca or NODE_EXTRA_CA_CERTS names the authority to trust`,
    };
  return { kind: unsent.has(code) ? 'unreachable' : 'no-answer', message: text };
}

export interface HttpStream {
  readonly kind: 'stream';
  /** Reading it throws when the connection breaks. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** A GET whose answer goes on until it ends or `signal` aborts it; never throws for what the other side does. */
export async function openStream(
  target: HttpTarget,
  question: Pick<HttpQuestion, 'path' | 'query' | 'headers'>,
  signal: AbortSignal,
): Promise<HttpStream | Exclude<HttpOutcome, HttpAnswer>> {
  const asked = { ...question, method: 'GET' as const, timeoutMs: Infinity };
  try {
    const headers = headersOf(target, asked);
    const url = urlOf(target, asked);
    const response = await sendRequest({ url, method: 'GET', headers, ca: target.ca, signal });
    if (isOk(response)) return { kind: 'stream', body: response.body };
    const judged = judge(target, response, await bytesOf(response));
    return judged.kind === 'answer'
      ? { kind: 'no-answer', message: `${target.url}: an answer without a body` }
      : judged;
  } catch (error) {
    return unanswered(target, error);
  }
}

function isOk({ status }: HttpResponse): boolean {
  return status >= 200 && status < 300;
}

function judge(target: HttpTarget, response: HttpResponse, body: Buffer): HttpOutcome {
  const { status, headers } = response;
  if (isOk(response)) return { kind: 'answer', status, headers, body };
  const fields = isJson(headers) ? parseObject(body) : undefined;
  return (
    problemOf(fields, status) ?? {
      kind: 'no-answer',
      message: `${target.url}: HTTP ${status} without a problem body`,
    }
  );
}

/** `status`: of the answer whose body it is. Undefined when `fields` are not those of a problem of the API. */
export function problemOf(
  fields: Readonly<Record<string, unknown>> | undefined,
  status: number,
): ApiProblem | undefined {
  const { code, detail, outcome } = fields ?? {};
  if (fields === undefined || typeof code !== 'string') return undefined;
  return {
    kind: 'problem',
    status,
    code,
    detail: typeof detail === 'string' ? detail : code,
    outcome: typeof outcome === 'string' ? outcome : 'unknown',
    fields,
  };
}

function isJson(headers: Headers): boolean {
  return /^application\/([a-z.+-]*\+)?json\b/.test(headers.get('content-type') ?? '');
}

/** Undefined unless `body` is a JSON object. */
export function parseObject(body: Buffer): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function urlOf(target: HttpTarget, { path, query = {} }: HttpQuestion): URL {
  const url = new URL(path, target.url);
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) url.searchParams.set(name, value);
  return url;
}

function headersOf(target: HttpTarget, { headers = {} }: HttpQuestion): Headers {
  const all = new Headers();
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) all.set(name, value);
  if (target.token !== undefined) all.set('authorization', `Bearer ${target.token}`);
  return all;
}

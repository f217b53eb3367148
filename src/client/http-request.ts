import { request as requestPlain, type IncomingMessage } from 'node:http';
import { request as requestSecure } from 'node:https';
import { isIP } from 'node:net';

export interface HttpRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  readonly body?: Uint8Array | undefined;
  /** PEM of the authorities to trust, in place of those of Node.js. */
  readonly ca?: Buffer | undefined;
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Headers;
  /** Reading it throws when the connection breaks, or with the signal's reason. */
  readonly body: IncomingMessage;
}

/** Resolves with the head of the answer, whatever its status; redirects are not followed. Rejects when there is none. */
export function sendRequest({ url, body, headers, ...options }: HttpRequest): Promise<HttpResponse> {
  const send = url.protocol === 'https:' ? requestSecure : requestPlain;
  return new Promise((resolve, reject) => {
    // TLS has no server name that is an IP address; the certificate is still held against the URL's host.
    const name = isIP(url.hostname.replace(/^\[|\]$/g, '')) > 0 ? { servername: '' } : {};
    const asked = { ...options, ...name, headers: Object.fromEntries(headers) };
    const request = send(url, asked, (response) => {
      resolve({ status: response.statusCode!, headers: headersOf(response), body: response });
    });
    request.on('error', reject);
    request.end(body);
  });
}

export async function bytesOf({ body }: HttpResponse): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function headersOf({ headersDistinct }: IncomingMessage): Headers {
  const headers = new Headers();
  for (const [name, values = []] of Object.entries(headersDistinct))
    for (const value of values) headers.append(name, value);
  return headers;
}

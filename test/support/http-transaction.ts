import type { HttpClient, HttpReply } from './http-client.js';

export interface Begun {
  readonly isolation: 'serializable' | 'snapshot';
  /** See at least this. */
  readonly token?: string | undefined;
}

/** An interactive transaction over HTTP; operations reject when they are refused, COMMIT answers. */
export class HttpTransaction {
  private constructor(
    private readonly http: HttpClient,
    private readonly path: string,
    readonly id: string,
    readonly snapshot: string,
  ) {}

  static async begin(
    http: HttpClient,
    keyspace: string,
    { isolation, token }: Begun,
  ): Promise<HttpTransaction> {
    const path = `/v1/keyspaces/${keyspace}/transactions`;
    const headers = token === undefined ? {} : { 'Meridian-Causality': token };
    const begun = await http.json({ method: 'POST', path, headers, body: { isolation } });
    return new HttpTransaction(http, `${path}/${begun.transactionId}`, begun.transactionId, begun.snapshot);
  }

  /** Undefined when the key is absent. */
  async get(key: string): Promise<string | undefined> {
    const answer = await this.http.ask({ path: `${this.path}/keys/${encodeURIComponent(key)}` });
    if (answer.status === 404 && answer.json.code === 'KEY_NOT_FOUND') return undefined;
    if (answer.status !== 200) throw new Error(`${key}: ${answer.status} ${answer.bytes.toString()}`);
    return answer.bytes.toString();
  }

  async put(key: string, text: string): Promise<void> {
    const path = `${this.path}/keys/${encodeURIComponent(key)}`;
    await this.http.json({
      method: 'PUT',
      path,
      headers: { 'Content-Type': 'text/plain' },
      body: Buffer.from(text),
    });
  }

  /** The keys of one page. */
  async list(query: Record<string, string>): Promise<string[]> {
    const page = await this.http.json({ path: `${this.path}/keys?${new URLSearchParams(query)}` });
    return page.entries.map((entry: { key: string }) => entry.key);
  }

  commit(): Promise<HttpReply> {
    return this.http.ask({ method: 'POST', path: `${this.path}/commit` });
  }
}

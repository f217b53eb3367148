import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { eventually } from './eventually.js';

export interface ReceivedEvent {
  readonly type: string;
  readonly data: string;
  readonly lastEventId: string;
}

/** Server-sent events as WHATWG HTML says that a stream is interpreted (9.2.6), line by line. */
export class EventStreamParser {
  lastEventId = '';
  reconnectMs: number | undefined;
  readonly events: ReceivedEvent[] = [];
  #rest = '';
  #id = '';
  #type = '';
  #data = '';

  /** Text that ends within a line is kept for the next call; a CR at its end waits for its LF. */
  push(text: string): void {
    this.#rest += text;
    for (;;) {
      const line = /^([^\r\n]*)(\r\n|\n|\r(?!$))/.exec(this.#rest);
      if (line === null) return;
      this.#rest = this.#rest.slice(line[0].length);
      this.#line(line[1]!);
    }
  }

  #line(line: string): void {
    if (line === '') return this.#dispatch();
    if (line.startsWith(':')) return;
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#type = value;
    else if (field === 'data') this.#data += `${value}\n`;
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    else if (field === 'retry' && /^[0-9]+$/.test(value)) this.reconnectMs = Number(value);
  }

  #dispatch(): void {
    this.lastEventId = this.#id;
    const [type, data] = [this.#type || 'message', this.#data.replace(/\n$/, '')];
    const isEmpty = this.#data === '';
    [this.#type, this.#data] = ['', ''];
    if (!isEmpty) this.events.push({ type, data, lastEventId: this.lastEventId });
  }
}

/** One connection to an event stream; it does not come back by itself. */
export class EventConnection {
  readonly parser = new EventStreamParser();
  status: number | undefined;
  headers: IncomingHttpHeaders = {};
  /** Of an answer that is no event stream. */
  body = '';
  ended = false;
  readonly #outgoing;
  #incoming: IncomingMessage | undefined;

  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    this.#outgoing = request(url, { agent: false, headers: { accept: 'text/event-stream', ...headers } });
    this.#outgoing.on('response', (incoming) => this.#read(incoming));
    this.#outgoing.on('error', () => (this.ended = true));
    this.#outgoing.on('close', () => (this.ended = true));
    this.#outgoing.end();
  }

  #read(incoming: IncomingMessage): void {
    this.status = incoming.statusCode;
    this.headers = incoming.headers;
    this.#incoming = incoming;
    incoming.setEncoding('utf8');
    incoming.on('data', (text: string) => {
      if (this.status === 200) this.parser.push(text);
      else this.body += text;
    });
    incoming.on('error', () => undefined);
  }

  get events(): readonly ReceivedEvent[] {
    return this.parser.events;
  }

  /** The data of the events without a name. */
  get messages(): readonly unknown[] {
    return this.of('message').map(({ data }) => JSON.parse(data) as unknown);
  }

  of(type: string): readonly ReceivedEvent[] {
    return this.events.filter((event) => event.type === type);
  }

  async until(holds: () => boolean, what = 'events'): Promise<void> {
    await eventually(holds, { what });
  }

  pause(): void {
    this.#incoming?.pause();
  }

  resume(): void {
    this.#incoming?.resume();
  }

  close(): void {
    this.#outgoing.destroy();
  }
}

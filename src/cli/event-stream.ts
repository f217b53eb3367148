export interface StreamEvent {
  /** `message` when it has no name. */
  readonly type: string;
  readonly data: string;
  /** The last id that the stream has given. */
  readonly id: string | undefined;
}

/** Server-sent events of a response's body, as they come. Ends with the body; throws what reading it throws. */
export async function* eventsOf(body: AsyncIterable<Uint8Array>): AsyncIterable<StreamEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  let id: string | undefined;
  let type = '';
  let data: string[] = [];
  for await (const bytes of body) {
    // A CR at the end may be half of a line break.
    const lines = (rest + decoder.decode(bytes, { stream: true })).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop()!;
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) yield { type: type === '' ? 'message' : type, data: data.join('\n'), id };
        type = '';
        data = [];
        continue;
      }
      const [field, value] = fieldOf(line);
      if (field === 'id') id = value;
      else if (field === 'event') type = value;
      else if (field === 'data') data.push(value);
    }
  }
}

function fieldOf(line: string): readonly [string, string] {
  const colon = line.indexOf(':');
  return colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
}

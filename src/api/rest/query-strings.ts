import type { TObject, TSchema } from 'typebox';

export interface QueryComplaint {
  readonly field: string;
  readonly complaint: string;
}

/** What a router that leaves query strings alone hands on. */
export interface RawQuery {
  readonly raw: string;
}

type Parsed = { readonly value: object } | { readonly complaint: QueryComplaint };
type ReadParameter = (text: string) => string | number | boolean | undefined;

interface Parameter {
  readonly read: ReadParameter;
  readonly wants: string;
}

const nothing = Object.freeze({});

/**
 * A strict reader of query strings by an object schema of strings, enumerations, integers and booleans: every parameter known,
 * given once and of its exact form. `+` is a space, as in forms.
 */
export function queryReader(schema: TObject): (query: RawQuery) => Parsed {
  const parameters = new Map(
    Object.entries(schema.properties).map(([name, one]) => [name, parameterOf(one)]),
  );
  return ({ raw }) => {
    if (raw === '') return { value: nothing };
    const value: Record<string, string | number | boolean> = {};
    for (const pair of raw.split('&')) {
      const equals = pair.indexOf('=');
      const name = decode(equals < 0 ? pair : pair.slice(0, equals));
      const text = decode(equals < 0 ? '' : pair.slice(equals + 1));
      if (name === undefined || text === undefined) return complain(pair, 'has a malformed %-escape');
      const parameter = parameters.get(name);
      if (parameter === undefined) return complain(name, 'is unknown here');
      if (Object.hasOwn(value, name)) return complain(name, 'is given twice');
      const given = parameter.read(text);
      if (given === undefined) return complain(name, `must be ${parameter.wants}`);
      value[name] = given;
    }
    return { value };
  };
}

function complain(name: string, complaint: string): Parsed {
  return { complaint: { field: `query.${name}`, complaint } };
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

interface Described {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
}

function parameterOf(schema: TSchema): Parameter {
  const { type, enum: words, minimum, maximum } = schema as Described;
  if (words !== undefined) {
    return { read: (text) => (words.includes(text) ? text : undefined), wants: words.join(' or ') };
  }
  switch (type) {
    case 'boolean':
      return { read: readBoolean, wants: 'true or false' };
    case 'integer': {
      const min = minimum ?? 0;
      const max = maximum ?? Number.MAX_SAFE_INTEGER;
      return { read: integerReader(min, max), wants: `an integer from ${min} to ${max}` };
    }
    case 'string':
      return { read: (text) => text, wants: 'a string' };
    default:
      throw new Error(`a query parameter of the type ${type}`);
  }
}

function readBoolean(text: string): boolean | undefined {
  return text === 'true' ? true : text === 'false' ? false : undefined;
}

function integerReader(min: number, max: number): ReadParameter {
  return (text) => {
    if (!/^(0|[1-9][0-9]{0,15})$/.test(text)) return undefined;
    const number = Number(text);
    return number >= min && number <= max ? number : undefined;
  };
}

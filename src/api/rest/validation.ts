import type { FastifySchemaCompiler } from 'fastify';
import type { TObject, TSchema } from 'typebox';
import { Compile } from 'typebox/schema';
import type { Failure } from '../../model/errors.js';
import { invalid } from '../invalid.js';
import { queryReader, type RawQuery } from './query-strings.js';

/** What a validator answers about a part of a request that is not what its schema says. */
export class RefusedPart extends Error {
  override readonly name = 'RefusedPart';
  constructor(readonly failure: Failure) {
    super(failure.message);
  }
}

type Judged = { value: unknown } | { error: RefusedPart };

/**
 * Bodies are judged as they are (no coercion, no removal, no defaults), query strings read by their schema. Path parameters and
 * headers are documented by their schemas and judged where they are used.
 */
export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  switch (httpPart) {
    case 'body':
      return bodyJudge(schema);
    case 'querystring': {
      const read = queryReader(schema as TObject);
      return (query: RawQuery): Judged => {
        const parsed = read(query);
        if ('value' in parsed) return parsed;
        return refuse(parsed.complaint.field, parsed.complaint.complaint);
      };
    }
    default:
      return () => true;
  }
};

function refuse(field: string, complaint: string): Judged {
  return { error: new RefusedPart(invalid(field, complaint).failure) };
}

/** A body that may be left out has a schema of two alternatives, the second `null`; complaints are about the first. */
function bodyJudge(schema: TSchema): (body: unknown) => Judged {
  const { anyOf } = schema as { readonly anyOf?: readonly TSchema[] };
  const compiled = Compile(anyOf?.[0] ?? schema);
  return (body) => {
    if (compiled.Check(body) || (anyOf !== undefined && body === null)) return { value: body };
    const [, [error]] = compiled.Errors(body);
    if (body === null || body === undefined || error === undefined) {
      return refuse('body', 'must be a JSON object');
    }
    const { at, complaint } = explain(error);
    return refuse(fieldOf(`${error.instancePath}${at}`), complaint);
  };
}

/** `/mutations/0/set/key` → `mutations[0].set.key`. */
function fieldOf(instancePath: string): string {
  if (instancePath === '') return 'body';
  const steps = instancePath.slice(1).split('/');
  return steps
    .map((step) =>
      /^[0-9]+$/.test(step) ? `[${step}]` : `.${step.replaceAll('~1', '/').replaceAll('~0', '~')}`,
    )
    .join('')
    .replace(/^\./, '');
}

interface SchemaError {
  readonly keyword: string;
  readonly params: object;
  readonly message?: string;
}

/** `at` is the member that the complaint is about, below the error's own place. */
function explain({ keyword, params, message }: SchemaError): { at: string; complaint: string } {
  const facts = params as Readonly<Record<string, readonly string[]>>;
  switch (keyword) {
    // The schema of a member that may not be is `false`; the error is at the member.
    case 'boolean':
      return { at: '', complaint: 'is unknown here' };
    case 'additionalProperties':
      return { at: `/${facts['additionalProperties']![0]}`, complaint: 'is unknown here' };
    case 'required':
      return { at: `/${facts['requiredProperties']![0]}`, complaint: 'is required' };
    case 'enum':
      return { at: '', complaint: `must be one of ${JSON.stringify(facts['allowedValues'])}` };
    default:
      return { at: '', complaint: message ?? 'is not what the API describes' };
  }
}

import type { Metadata } from '@grpc/grpc-js';
import { failure, type Failure, type OutcomeWord } from '../../model/errors.js';
import { bearerJudge } from '../auth/bearer.js';

/** Says why a call is not let in; undefined: it is. */
export type Doorkeeper = (metadata: Metadata, outcome?: OutcomeWord) => Failure | undefined;

/** The same tokens and rules as over HTTP, in the metadata `authorization`. */
export function doorkeeper(tokens: readonly string[]): Doorkeeper {
  const letsIn = bearerJudge(tokens);
  return (metadata, outcome = 'not-committed') => {
    const given = metadata.get('authorization');
    const authorization = given.length === 1 ? String(given[0]) : undefined;
    if (letsIn(authorization)) return undefined;
    return failure('UNAUTHENTICATED', 'a bearer token is required', { outcome });
  };
}

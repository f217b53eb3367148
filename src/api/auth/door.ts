import { failure, type Failure } from '../../model/errors.js';
import { bearerJudge } from './bearer.js';

export interface Tokens {
  /** For all that apps ask; none: everyone is let in. */
  readonly tokens: readonly string[];
  /** For what operators ask of the admin API, and for nothing else. */
  readonly adminTokens: readonly string[];
}

/** Says why `Authorization` does not open a path; undefined: it does. */
export type Door = (authorization: string | undefined) => Failure | undefined;

export function publicDoor({ tokens }: Pick<Tokens, 'tokens'>): Door {
  const letsIn = bearerJudge(tokens);
  return (authorization) =>
    letsIn(authorization) ? undefined : failure('UNAUTHENTICATED', 'a bearer token is required');
}

/** Closed where tokens are asked for and none is an admin's: who may read and write keys may not therefore begin histories. */
export function adminDoor({ tokens, adminTokens }: Tokens): Door {
  const knows = bearerJudge(tokens);
  if (adminTokens.length === 0) {
    if (tokens.length === 0) return () => undefined;
    const closed = failure(
      'PERMISSION_DENIED',
      "the admin API takes none of `tokens`, and the node's file has no `adminTokens` (MERIDIAN_ADMIN_TOKENS)",
    );
    return (authorization) => (knows(authorization) ? closed : notAdmin);
  }
  const letsIn = bearerJudge(adminTokens);
  const ofAnApp = failure('PERMISSION_DENIED', 'this is a token of `tokens`; one of `adminTokens` is needed');
  return (authorization) => {
    if (letsIn(authorization)) return undefined;
    return tokens.length > 0 && knows(authorization) ? ofAnApp : notAdmin;
  };
}

const notAdmin = failure('UNAUTHENTICATED', "an admin's bearer token is required");

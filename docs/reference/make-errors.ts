import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { catalogue, type CatalogueEntry, type ErrorCode, type Retry } from '../../src/model/errors.js';
import { errorTitle, errorType } from '../../src/api/errors.js';

const retryWords: Readonly<Record<Retry, string>> = {
  no: 'no: the same request fails again',
  'new-snapshot': 'as a new transaction, which reads a new snapshot',
  'same-id': 'only with the same transaction id',
  later: 'later, or at another node',
  'after-delay': 'after the delay in `Retry-After`',
  elsewhere: 'at another node',
  yes: 'yes',
};

const head = `# Errors

<!-- Written by \`npx tsx docs/reference/make-errors.ts\` out of the catalogue in src/model/errors.ts. -->

Every error of the HTTP API is an \`application/problem+json\` (RFC 9457). Programs go by \`code\`; the wording of \`detail\` may change.

- \`outcome\` speaks of the transaction **id**, not of the attempt: \`not-committed\`, \`committed\` or \`unknown\`. An attempt
  under an \`Idempotency-Key\` may be the repetition of one that is still on its way, so it hears \`not-committed\` only when
  that can never change.
- \`tombstone\` says of an abort what its \`not-committed\` rests on: \`true\`, the log says for ever that the id will not commit;
  \`false\`, no other copy of the id was sent, so only a new submission of it could.
- \`retryable\` and \`retry\` say whether and how to try again. While \`outcome\` is \`unknown\`, \`retry\` is \`same-id\` for every
  error that can be retried: a new id could commit the same thing twice.
- Four statuses are HTTP's own and come with \`INVALID_ARGUMENT\`: 404 for a path that leads nowhere, 405 (with \`Allow\`) for a
  method that the path has not, 415 for a body that is no JSON where JSON is needed, 431 for headers that are too large.
- Over gRPC the same comes as a status with a \`google.rpc.ErrorInfo\` ([gRPC API](grpc-api.md#errors)).
- Nothing in this version answers \`PERMISSION_DENIED\` and \`RATE_LIMITED\`.
`;

function section(code: ErrorCode, entry: CatalogueEntry): string {
  const lines = [
    `- HTTP ${entry.http}, gRPC \`${entry.grpc}\`, \`${errorType(code)}\``,
    `- Retry (\`${entry.retry}\`): ${retryWords[entry.retry]}`,
  ];
  if (entry.fields.length > 0)
    lines.push(`- Fields: ${entry.fields.map((field) => `\`${field}\``).join(', ')}`);
  return `## ${code}\n\n${errorTitle(code)}. ${entry.says}\n\n${lines.join('\n')}\n`;
}

/** docs/reference/errors.md */
export function errorsPage(): string {
  const codes = Object.entries(catalogue) as [ErrorCode, CatalogueEntry][];
  return [head, ...codes.map(([code, entry]) => section(code, entry))].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(fileURLToPath(new URL('errors.md', import.meta.url)), errorsPage());
}

/** An error and its causes on one line: libraries say in the cause what happened. */
export function errorText(error: unknown): string {
  const messages: string[] = [];
  let at = error;
  for (let depth = 0; depth < causesMax && at !== undefined; depth++) {
    const message = at instanceof Error ? at.message : String(at);
    if (!messages.some((said) => said.includes(message))) messages.push(message);
    at = at instanceof Error ? at.cause : undefined;
  }
  return messages.join(': ');
}

const causesMax = 5;

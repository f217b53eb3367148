import { setTimeout as pause } from 'node:timers/promises';
import { uuidv7 } from 'uuidv7';
import type { Answer, NoAnswer, Problem, Question, RegionClient } from './region-client.js';

/** What the demo cannot go on after. */
export class DemoError extends Error {}

export type NextStep =
  | { readonly kind: 'same-id' | 'new-id'; readonly afterMs: number }
  /** Trying again does not help. */
  | { readonly kind: 'give-up' };

const attemptsMax = 60;
const pauseMsMax = 2000;

/**
 * What an app does after a failed write under an Idempotency-Key. A new id only when the old one is known never to commit:
 * as long as that is unknown, the same id again, which commits at most once.
 */
export function nextStep(failure: Problem | NoAnswer, attempt: number): NextStep {
  if (attempt >= attemptsMax) return { kind: 'give-up' };
  const afterMs = Math.min(pauseMsMax, 10 * 2 ** Math.min(attempt, 10));
  if (failure.kind === 'no-answer') return { kind: 'same-id', afterMs };
  if (failure.retry === 'no') return { kind: 'give-up' };
  if (failure.retry !== 'new-snapshot')
    return { kind: 'same-id', afterMs: Math.max(afterMs, failure.retryAfterMs) };
  return { kind: failure.outcome === 'not-committed' ? 'new-id' : 'same-id', afterMs };
}

export function codeOf(failure: Problem | NoAnswer): string {
  return failure.kind === 'problem' ? failure.code : 'no answer';
}

export interface Writing {
  readonly question: Question;
  readonly signal: AbortSignal;
  /** Hears of every attempt that failed. */
  readonly onFailure: (code: string) => void;
}

/** Writes until it is committed, once; a DemoError when that cannot be. */
export async function writeOnce(client: RegionClient, writing: Writing): Promise<Answer> {
  const { question, signal, onFailure } = writing;
  let id = uuidv7();
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    const result = await client.send({
      ...question,
      headers: { ...question.headers, 'Idempotency-Key': id },
    });
    if (result.kind === 'answer') return result;
    signal.throwIfAborted();
    onFailure(codeOf(result));
    const step = nextStep(result, attempt);
    if (step.kind === 'give-up') throw refused(client, question, result);
    if (step.kind === 'new-id') id = uuidv7();
    await pause(step.afterMs, undefined, { signal });
  }
}

/** Reads, again when that can help; a DemoError when it does not. */
export async function readAnswer(
  client: RegionClient,
  question: Question,
  signal: AbortSignal,
): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    const result = await client.send(question);
    if (result.kind === 'answer') return result;
    signal.throwIfAborted();
    const step = nextStep(result, attempt);
    if (step.kind === 'give-up') throw refused(client, question, result);
    await pause(step.afterMs, undefined, { signal });
  }
}

export function refused(client: RegionClient, question: Question, failure: Problem | NoAnswer): DemoError {
  const reason = failure.kind === 'problem' ? `${failure.code}: ${failure.detail}` : failure.message;
  return new DemoError(`${question.method} ${question.path} at ${client.region}: ${reason}`);
}

const jsonHeaders = { 'Content-Type': 'application/json' };

export function post(path: string, body: unknown): Question {
  return postText(path, JSON.stringify(body));
}

/** `json`: already written. */
export function postText(path: string, json: string): Question {
  return { method: 'POST', path, headers: jsonHeaders, body: Buffer.from(json) };
}

export function jsonOf(answer: Answer): unknown {
  return JSON.parse(answer.body.toString('utf8'));
}

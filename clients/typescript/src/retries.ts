/**
 * Which calls are retried, and how often; the Python client has gRPC do the same.
 *
 * What is safe to repeat is read from the contract: an rpc that declares itself without side
 * effects or idempotent, and an rpc whose request carries an idempotency key.
 */

import type { DescField, DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";

export const ATTEMPTS_MAX = 5;

// Waits of about 0.1, 0.2, 0.4 and 0.8 s, each 20% more or less at random: long enough for another
// replica to take over, short enough for an interactive caller.
const FIRST_PAUSE_MS = 100;
const PAUSE_MAX_MS = 1000;
const JITTER = 0.2;

/** The pause after so many attempts. */
export function pauseMs(attempts: number): number {
  const planned = Math.min(FIRST_PAUSE_MS * 2 ** (attempts - 1), PAUSE_MAX_MS);
  return planned * (1 + JITTER * (2 * Math.random() - 1));
}

/** The request's field for an idempotency key, if it has one. */
export function keyOf(method: DescMethod): DescField | undefined {
  return method.input.fields.find((field) => field.name === "request_id");
}

/** Whether a repeated call has no further effect. */
export function isSafeToRepeat(method: DescMethod): boolean {
  return method.idempotency !== Idempotency.IDEMPOTENCY_UNKNOWN || keyOf(method) !== undefined;
}

/**
 * The budget, shared by all calls over one connection: a failure costs 1, a success earns 0.1, and
 * below half nothing is retried. So retries add a tenth to the load of an overloaded server,
 * instead of multiplying it by five.
 */
export class RetryBudget {
  static readonly MAX = 100;
  static readonly EARNED = 0.1;
  #left = RetryBudget.MAX;

  succeeded(): void {
    this.#left = Math.min(this.#left + RetryBudget.EARNED, RetryBudget.MAX);
  }

  failed(): void {
    this.#left = Math.max(this.#left - 1, 0);
  }

  get permitsRetry(): boolean {
    return this.#left > RetryBudget.MAX / 2;
  }
}

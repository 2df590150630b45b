/** One call: its id, and what bounds it. */

import { Code, ConnectError, type CallOptions } from "@connectrpc/connect";

import type { Clock } from "./clock.js";
import { Cancelled, DeadlineExceeded, type EmporiumError } from "./errors.js";
import { newId } from "./ids.js";
import type { OpenCalls } from "./open-calls.js";
import { errorOf } from "./status.js";

/** As many as the header that tells the server has digits for: a good day. */
const TIMEOUT_MAX_MS = 99_999_999;

/** Throws a `RangeError` for a timeout that is none. */
export function checkTimeout(timeoutMs: number): void {
  if (!(timeoutMs > 0 && timeoutMs <= TIMEOUT_MAX_MS)) {
    throw new RangeError(`timeoutMs=${timeoutMs}: must be above 0, and ${TIMEOUT_MAX_MS} at most`);
  }
}

/** What all attempts of a call share, and what it waits for besides. */
export class Call {
  readonly requestId: string;
  /** Aborts with the caller's signal, when the client is closed, and when the call has ended. */
  readonly signal: AbortSignal;
  /** To be called whatever has become of the call. */
  readonly end: () => void;
  readonly #headers: Headers;
  readonly #endsAt: number;

  /** `timeoutMs` may be `Infinity`, for streams. */
  constructor(
    readonly options: CallOptions,
    timeoutMs: number,
    calls: OpenCalls,
    private readonly clock: Clock,
  ) {
    this.#headers = new Headers(options.headers);
    this.requestId = this.#headers.get("x-request-id") ?? newId();
    this.#headers.set("x-request-id", this.requestId);
    this.#endsAt = clock.now() + timeoutMs;
    ({ signal: this.signal, end: this.end } = calls.begin(options.signal));
  }

  /** What is sent with each attempt. */
  headers(token: string | undefined): Headers {
    const headers = new Headers(this.#headers);
    if (token !== undefined) {
      headers.set("authorization", `Bearer ${token}`);
    }
    return headers;
  }

  /** What is left, in whole milliseconds as gRPC counts; undefined where there is no end. */
  get leftMs(): number | undefined {
    const left = Math.ceil(this.#endsAt - this.clock.now());
    return left === Infinity ? undefined : left;
  }

  /** What is left for an attempt. Throws when that is nothing, or the call was aborted. */
  begin(): number | undefined {
    if (this.signal.aborted) {
      throw this.errorOf(this.signal.reason);
    }
    const left = this.leftMs;
    if (left !== undefined && left <= 0) {
      throw this.#tooLate("there was no time left to call");
    }
    return left;
  }

  /** Waits for `work` as long as the call may, and for `patienceMs` where the call has no end. */
  async within<Result>(work: Promise<Result>, patienceMs: number): Promise<Result> {
    const ms = this.leftMs ?? patienceMs;
    const done = new AbortController();
    const signal = AbortSignal.any([this.signal, done.signal]);
    const late = this.clock.sleep(ms, signal).then(
      () => {
        throw this.#tooLate(`no token within ${ms / 1000} s`);
      },
      () => {
        throw this.errorOf(signal.reason);
      },
    );
    try {
      return await Promise.race([work, late]);
    } finally {
      done.abort();
    }
  }

  /** Waits before another attempt. */
  async pause(ms: number): Promise<void> {
    try {
      await this.clock.sleep(ms, this.signal);
    } catch (reason) {
      throw this.errorOf(reason);
    }
  }

  /** The error for what a transport, or waiting, rejected with. */
  errorOf(rejection: unknown): EmporiumError {
    const reason: unknown = this.signal.reason;
    if (
      !this.signal.aborted ||
      ConnectError.from(rejection, Code.Canceled).code !== Code.Canceled
    ) {
      return errorOf(rejection, this.requestId);
    }
    const message = reason instanceof Cancelled ? reason.message : "the call was aborted";
    return new Cancelled(message, { requestId: this.requestId, cause: reason });
  }

  #tooLate(message: string): DeadlineExceeded {
    return new DeadlineExceeded(message, {
      reason: "DEADLINE_EXCEEDED",
      requestId: this.requestId,
    });
  }
}

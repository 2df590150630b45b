/**
 * The errors that a call can reject with.
 *
 *     EmporiumError
 *     ├── InvalidRequest      a field breaks a rule: see `violations`
 *     │   └── TooLarge        the request, or what it asks for, is too big to send
 *     ├── Unauthenticated     no token, or not a valid one; a wrong password
 *     ├── PermissionDenied    the token is valid, and lacks the permission
 *     ├── NotFound            it is not there, or not yours to see
 *     ├── AlreadyExists       something unique is taken
 *     ├── Conflict            the resource is not in a state for it, or a concurrent change won
 *     ├── Outdated            the resource has changed since its etag was read
 *     ├── RateLimited         too many requests: see `retryAfterSeconds`
 *     ├── Unavailable         there was no answer, even after the retries that were safe
 *     ├── DeadlineExceeded    no answer in time; the change may have been made
 *     ├── Cancelled           the call was aborted, the client closed, or the server cancelled
 *     ├── Unimplemented       the server does not know the call: it may be older than this client
 *     └── InternalError       a defect of the server
 */

import type { ErrorReason } from "./gen/emporium/errors/v1/error_reason_pb.js";

/** The name of an `ErrorReason`; also one that this client is too old to know. */
export type Reason = keyof typeof ErrorReason | (string & Record<never, never>);

/** One field that breaks a rule: its path in the request, and what to correct. */
export interface Violation {
  readonly field: string;
  readonly description: string;
}

/** What is known of a failure besides its message. */
export interface Failure {
  readonly reason?: Reason;
  readonly violations?: readonly Violation[];
  readonly requestId?: string;
  readonly retryAfterSeconds?: number | undefined;
  readonly cause?: unknown;
}

/** A call failed. `message` is a sentence for people, the transport's own error is the `cause`. */
export class EmporiumError extends Error {
  /** For programs; empty when the transport or a proxy refused the call. */
  readonly reason: Reason;
  /** Every field at fault. */
  readonly violations: readonly Violation[];
  /** Identifies the call in the services' logs. */
  readonly requestId: string;
  /** When a retry may succeed, where that is known. */
  readonly retryAfterSeconds: number | undefined;

  constructor(message: string, failure: Failure = {}) {
    super(message, { cause: failure.cause });
    // Not `new.target.name`, which a minifier changes.
    this.name = "EmporiumError";
    this.reason = failure.reason ?? "";
    this.violations = failure.violations ?? [];
    this.requestId = failure.requestId ?? "";
    this.retryAfterSeconds = failure.retryAfterSeconds;
  }

  override toString(): string {
    const notes = [this.reason, this.requestId && `request ${this.requestId}`].filter(Boolean);
    const told = notes.length > 0 ? ` (${notes.join(", ")})` : "";
    return `${this.name}: ${this.message}${told}`;
  }
}

/** The request cannot be read, or breaks a rule; `violations` names the fields. */
export class InvalidRequest extends EmporiumError {
  override name = "InvalidRequest";
}

/** The request, or what it asks for, is too big to send. Ask for less at a time. */
export class TooLarge extends InvalidRequest {
  override name = "TooLarge";
}

/** A token is needed and there was none, or it is not valid; or the password is wrong. */
export class Unauthenticated extends EmporiumError {
  override name = "Unauthenticated";
}

/** The caller is known, and may not do this. */
export class PermissionDenied extends EmporiumError {
  override name = "PermissionDenied";
}

/** It does not exist, or the caller may not see it: the two have the same answer. */
export class NotFound extends EmporiumError {
  override name = "NotFound";
}

/** Something that must be unique is taken. */
export class AlreadyExists extends EmporiumError {
  override name = "AlreadyExists";
}

/** The resource is not in a state for it, or a concurrent change won. */
export class Conflict extends EmporiumError {
  override name = "Conflict";
}

/** The resource has changed since its etag was read. Read it again, then repeat the change. */
export class Outdated extends EmporiumError {
  override name = "Outdated";
}

/** Too many requests. `retryAfterSeconds`, where known, says how long to wait. */
export class RateLimited extends EmporiumError {
  override name = "RateLimited";
}

/** There was no answer, even after the retries that were safe. */
export class Unavailable extends EmporiumError {
  override name = "Unavailable";
}

/**
 * There was no answer in time.
 *
 * A change may have been made nevertheless: read again, or repeat it with the same `requestId`.
 */
export class DeadlineExceeded extends EmporiumError {
  override name = "DeadlineExceeded";
}

/** The caller's signal aborted the call, the client was closed, or the server cancelled it. */
export class Cancelled extends EmporiumError {
  override name = "Cancelled";
}

/** The server does not know the call: it may be older than this client. */
export class Unimplemented extends EmporiumError {
  override name = "Unimplemented";
}

/** A defect of the server. Report it with the `requestId`. */
export class InternalError extends EmporiumError {
  override name = "InternalError";
}

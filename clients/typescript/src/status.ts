/** Reads a failed call: gRPC's status, and the `google.rpc` messages in its trailers. */

import { Code, ConnectError } from "@connectrpc/connect";

import {
  AlreadyExists,
  Cancelled,
  Conflict,
  DeadlineExceeded,
  EmporiumError,
  InternalError,
  InvalidRequest,
  NotFound,
  Outdated,
  PermissionDenied,
  RateLimited,
  TooLarge,
  Unauthenticated,
  Unavailable,
  Unimplemented,
  type Reason,
} from "./errors.js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RequestInfoSchema,
  RetryInfoSchema,
} from "./gen/google/rpc/error_details_pb.js";

type Kind = typeof EmporiumError;

/** The error of each status, and the reason when the call was refused without one. */
const KINDS: Readonly<Record<Code, readonly [Kind, Reason]>> = {
  [Code.Canceled]: [Cancelled, ""],
  [Code.Unknown]: [InternalError, "INTERNAL"],
  [Code.InvalidArgument]: [InvalidRequest, ""],
  [Code.DeadlineExceeded]: [DeadlineExceeded, "DEADLINE_EXCEEDED"],
  [Code.NotFound]: [NotFound, ""],
  [Code.AlreadyExists]: [AlreadyExists, ""],
  [Code.PermissionDenied]: [PermissionDenied, "PERMISSION_DENIED"],
  [Code.Unauthenticated]: [Unauthenticated, "UNAUTHENTICATED"],
  [Code.ResourceExhausted]: [RateLimited, "RATE_LIMITED"],
  [Code.FailedPrecondition]: [Conflict, "CONFLICT"],
  [Code.Aborted]: [Conflict, "CONFLICT"],
  [Code.OutOfRange]: [InvalidRequest, ""],
  [Code.Unimplemented]: [Unimplemented, "METHOD_NOT_IMPLEMENTED"],
  [Code.Internal]: [InternalError, "INTERNAL"],
  [Code.Unavailable]: [Unavailable, "UNAVAILABLE"],
  [Code.DataLoss]: [InternalError, "INTERNAL"],
};

/** Reasons with an error of their own, although they share their gRPC status with others. */
const KINDS_BY_REASON: ReadonlyMap<string, Kind> = new Map([
  ["ETAG_MISMATCH", Outdated],
  ["BODY_TOO_LARGE", TooLarge],
  ["HEADERS_TOO_LARGE", TooLarge],
]);

/**
 * The wording of a reply without a reason for a message that is too large: of gRPC's servers, of
 * this transport, of Envoy, and of a proxy that answers in HTTP only. No retry makes it smaller.
 */
const TOO_LARGE = ["larger than max", "larger than configured", "Payload Too Large", "HTTP 413"];

/**
 * The error for what a transport rejected with.
 *
 * `sentRequestId` is what the call was sent with; the id in the answer takes precedence.
 */
export function errorOf(rejection: unknown, sentRequestId: string): EmporiumError {
  const error = ConnectError.from(rejection);
  const code = isBrokenConnection(error) ? Code.Unavailable : error.code;
  const isVague = code === Code.ResourceExhausted || code === Code.Unknown;
  const isTooLarge = isVague && TOO_LARGE.some((words) => error.rawMessage.includes(words));
  const [kind, reason] = KINDS[code];
  const told = error.findDetails(ErrorInfoSchema)[0]?.reason;
  const known = told ?? (isTooLarge ? "BODY_TOO_LARGE" : reason);
  return new (KINDS_BY_REASON.get(known) ?? kind)(error.rawMessage || Code[code], {
    reason: known,
    violations: error
      .findDetails(BadRequestSchema)
      .flatMap(({ fieldViolations }) => fieldViolations)
      .map(({ field, description }) => ({ field, description })),
    requestId: error.findDetails(RequestInfoSchema)[0]?.requestId ?? sentRequestId,
    retryAfterSeconds: retryAfter(error),
    cause: error,
  });
}

function retryAfter(error: ConnectError): number | undefined {
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  if (delay !== undefined) {
    return Number(delay.seconds) + delay.nanos / 1e9;
  }
  // The edge's limits answer with the HTTP header, and without details.
  const header = error.metadata.get("retry-after");
  return header !== null && /^\d+$/.test(header) ? Number(header) : undefined;
}

/**
 * Whether nobody has answered, for which the transports have several statuses.
 *
 * Node.js names what has happened to a connection in a `code`; `fetch` has a `TypeError` for
 * whatever happens to one. What a server says has no such cause. Streams whose connection has ended
 * are cancelled, as Node.js has it; what a server cancels it says in the words of gRPC.
 */
function isBrokenConnection(error: ConnectError): boolean {
  if (error.code === Code.Canceled && error.rawMessage.startsWith("http/2 stream closed")) {
    return true;
  }
  let cause = error.cause;
  while (cause instanceof Error) {
    if (cause instanceof TypeError || ("code" in cause && typeof cause.code === "string")) {
      return true;
    }
    cause = cause.cause;
  }
  return false;
}

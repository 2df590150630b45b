/** Errors arrive as what they are. */

import assert from "node:assert/strict";
import test from "node:test";

import { anyPack } from "@bufbuild/protobuf/wkt";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";

import * as errors from "../src/errors.js";
import { ErrorReason } from "../src/gen/emporium/errors/v1/error_reason_pb.js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  HelpSchema,
  RequestInfoSchema,
  RetryInfoSchema,
} from "../src/gen/google/rpc/error_details_pb.js";
import { errorOf } from "../src/status.js";

type Kind = typeof errors.EmporiumError;

// As in the Python client's tests.
const CASES: readonly [Code, errors.Reason, Kind][] = [
  [Code.Canceled, "DEADLINE_EXCEEDED", errors.Cancelled],
  [Code.Unknown, "INTERNAL", errors.InternalError],
  [Code.InvalidArgument, "VALIDATION_FAILED", errors.InvalidRequest],
  [Code.InvalidArgument, "BODY_TOO_LARGE", errors.TooLarge],
  [Code.DeadlineExceeded, "DEADLINE_EXCEEDED", errors.DeadlineExceeded],
  [Code.NotFound, "USER_NOT_FOUND", errors.NotFound],
  [Code.AlreadyExists, "EMAIL_TAKEN", errors.AlreadyExists],
  [Code.PermissionDenied, "ROLE_NOT_ALLOWED", errors.PermissionDenied],
  [Code.Unauthenticated, "TOKEN_EXPIRED", errors.Unauthenticated],
  [Code.ResourceExhausted, "RATE_LIMITED", errors.RateLimited],
  [Code.FailedPrecondition, "ORDER_NOT_PENDING", errors.Conflict],
  [Code.Aborted, "ETAG_MISMATCH", errors.Outdated],
  [Code.Aborted, "CONFLICT", errors.Conflict],
  [Code.OutOfRange, "INVALID_FILTER", errors.InvalidRequest],
  [Code.Unimplemented, "METHOD_NOT_IMPLEMENTED", errors.Unimplemented],
  [Code.Internal, "INTERNAL", errors.InternalError],
  [Code.Unavailable, "UNAVAILABLE", errors.Unavailable],
  [Code.DataLoss, "INTERNAL", errors.InternalError],
];

test("each status and reason has its error, with everything told", () => {
  for (const [code, reason, kind] of CASES) {
    const violation = { field: "items[1].quantity", description: "must be above 0" };
    const details = [
      { desc: HelpSchema, value: {} }, // A detail that the client does not know is passed over.
      { desc: ErrorInfoSchema, value: { reason, domain: "emporium" } },
      { desc: BadRequestSchema, value: { fieldViolations: [violation] } },
      { desc: RequestInfoSchema, value: { requestId: "the-servers" } },
      { desc: RetryInfoSchema, value: { retryDelay: { seconds: 2n, nanos: 500_000_000 } } },
    ];
    const cause = new ConnectError("a sentence", code, undefined, details);
    const error = errorOf(cause, "sent");
    assert.equal(error.constructor, kind);
    assert.equal(error.name, kind.name);
    assert.equal(error.message, "a sentence");
    assert.equal(error.reason, reason);
    assert.ok(reason in ErrorReason, reason);
    assert.deepEqual(error.violations, [violation]);
    assert.equal(error.requestId, "the-servers");
    assert.equal(error.retryAfterSeconds, 2.5);
    assert.equal(error.cause, cause);
    assert.equal(String(error), `${kind.name}: a sentence (${reason}, request the-servers)`);
  }
});

test("every status has an error", () => {
  const codes = Object.values(Code).filter((code) => typeof code === "number");
  assert.deepEqual(
    codes.filter((code) => !CASES.some(([known]) => known === code)),
    [],
  );
  for (const code of codes) {
    assert.ok(errorOf(new ConnectError("no", code), "sent") instanceof errors.EmporiumError);
  }
});

test("an answer of the edge's own has no details, and says when to come again", () => {
  const headers = { "retry-after": "17" };
  const error = errorOf(new ConnectError("", Code.ResourceExhausted, headers), "sent");
  assert.ok(error instanceof errors.RateLimited);
  assert.equal(error.message, "ResourceExhausted");
  assert.equal(error.reason, "RATE_LIMITED");
  assert.equal(error.retryAfterSeconds, 17);
  assert.equal(error.requestId, "sent");
  const odd = new ConnectError("", Code.Unavailable, { "retry-after": "tomorrow" });
  assert.equal(errorOf(odd, "sent").retryAfterSeconds, undefined);
});

test("what is too large is so in whoever's words", () => {
  for (const [words, code] of [
    ["Received message larger than max (5 vs. 4)", Code.ResourceExhausted],
    ["message size 5 is larger than configured writeMaxBytes 4", Code.ResourceExhausted],
    ["Payload Too Large", Code.Unknown],
    ["HTTP 413", Code.Unknown],
  ] as const) {
    assert.ok(errorOf(new ConnectError(words, code), "sent") instanceof errors.TooLarge, words);
  }
});

test("a connection that breaks is nobody's answer", () => {
  const reset = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
  const wrapped = new Error("closed", { cause: reset });
  for (const cause of [reset, wrapped, new TypeError("Failed to fetch")]) {
    for (const code of [Code.Aborted, Code.Unknown, Code.Internal]) {
      const error = errorOf(ConnectError.from(cause, code), "sent");
      assert.ok(error instanceof errors.Unavailable, String(cause));
    }
  }
  const defect = errorOf(new RangeError("a defect of the client"), "sent");
  assert.ok(defect instanceof errors.InternalError);
});

test("a reason that the client does not know is told, and decides nothing", () => {
  const details = [{ desc: ErrorInfoSchema, value: { reason: "constructor" } }];
  const error = errorOf(new ConnectError("no", Code.NotFound, undefined, details), "sent");
  assert.equal(error.constructor, errors.NotFound);
  assert.equal(error.reason, "constructor");
});

test("details that are no details hide nothing", () => {
  const error = new ConnectError("no", Code.NotFound);
  const packed = anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { reason: "USER_NOT_FOUND" }));
  error.details = [{ type: "google.rpc.ErrorInfo", value: packed.value.slice(0, -1) }];
  assert.equal(errorOf(error, "sent").constructor, errors.NotFound);
});

// Prints the rules that the client goes by, as far as the Python client has the same.

import { Code, ConnectError } from "@connectrpc/connect";

import * as errors from "../dist/src/errors.js";
import { ErrorReason } from "../dist/src/gen/emporium/errors/v1/error_reason_pb.js";
import { ErrorInfoSchema } from "../dist/src/gen/google/rpc/error_details_pb.js";
import { Services } from "../dist/src/gen/services.js";
import { RENEWED } from "../dist/src/kept-login.js";
import { ATTEMPTS_MAX, RetryBudget, isSafeToRepeat } from "../dist/src/retries.js";
import { errorOf } from "../dist/src/status.js";

class Listed extends Services {
  client(service) {
    return service;
  }
}

function refused(code, reason) {
  const details = reason ? [{ desc: ErrorInfoSchema, value: { reason } }] : [];
  return errorOf(new ConnectError("no", code, undefined, details), "");
}

// `PERMISSION_DENIED` for `PermissionDenied`.
const codes = Object.values(Code).filter((code) => typeof code === "number");
const statusOf = (code) => Code[code].replace(/(?<=.)([A-Z])/g, "_$1").toUpperCase();
const services = Object.getOwnPropertyNames(Services.prototype)
  .filter((name) => name !== "constructor")
  .map((name) => new Listed()[name]);
const methods = services.flatMap((service) => service.methods);

console.log(
  JSON.stringify({
    kinds: Object.fromEntries(
      codes.map((code) => [statusOf(code), [refused(code).name, refused(code).reason]]),
    ),
    kinds_by_reason: Object.fromEntries(
      Object.keys(ErrorReason)
        .filter((reason) => Number.isNaN(Number(reason)))
        .map((reason) => [reason, refused(Code.Aborted, reason).name])
        .filter(([, name]) => name !== refused(Code.Aborted).name),
    ),
    parents: Object.fromEntries(
      Object.values(errors)
        .filter((each) => each !== errors.EmporiumError)
        .map((each) => [each.name, Object.getPrototypeOf(each).name]),
    ),
    reasons: Object.keys(ErrorReason).filter((reason) => Number.isNaN(Number(reason))),
    services: services.map((service) => service.typeName),
    safe: Object.fromEntries(methods.map((method) => [method.name, isSafeToRepeat(method)])),
    renewed: [...RENEWED],
    attempts: ATTEMPTS_MAX,
    budget: { maxTokens: RetryBudget.MAX, tokenRatio: RetryBudget.EARNED },
  }),
);

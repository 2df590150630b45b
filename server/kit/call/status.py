"""Turns every exception into the one answer that a caller gets: the error table.

An exception that is not in the table is a defect of ours. It becomes INTERNAL with a fixed
sentence, because its text may hold secrets; the log has it under the request id.
"""

from collections.abc import Iterator, Sequence

import grpc
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status

from emporium.errors.v1 import error_reason_pb2
from server.kit import errors
from server.kit.context import Context

DOMAIN = "emporium"
FieldViolation = error_details_pb2.BadRequest.FieldViolation

# A status travels in the trailers, and a gRPC client accepts 8 KB of them by default: beyond that
# it reports too large trailers instead of our status. The message is sent twice, as text and within
# the details, and base64 makes the details a third larger.
_MESSAGE_LENGTH_MAX = 250
_VIOLATIONS_BYTES_MAX = 2_500

CODES: dict[type[errors.EmporiumError], grpc.StatusCode] = {
    errors.Malformed: grpc.StatusCode.INVALID_ARGUMENT,
    errors.Invalid: grpc.StatusCode.INVALID_ARGUMENT,
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.Forbidden: grpc.StatusCode.PERMISSION_DENIED,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.Conflict: grpc.StatusCode.FAILED_PRECONDITION,
    errors.Outdated: grpc.StatusCode.ABORTED,
    errors.RateLimited: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.Internal: grpc.StatusCode.INTERNAL,
}

# What Envoy's transcoder makes of a status by itself.
TRANSCODED: dict[grpc.StatusCode, int] = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.INTERNAL: 500,
}

HTTP_STATUSES: dict[str, int] = {
    reason.name: reason.GetOptions().Extensions[error_reason_pb2.http_status]
    for reason in error_reason_pb2.ErrorReason.DESCRIPTOR.values
}


class Refusal(Exception):
    """A call's failure, ready for the wire."""

    def __init__(
        self,
        code: grpc.StatusCode,
        reason: str,
        status: Status,
        expected: bool,
        logged: str = "",
    ) -> None:
        super().__init__(f"{reason}: {status.message}")
        self.code = code
        self.reason = reason
        self.status = status
        self.expected = expected  # False: a defect, to be logged with its traceback
        self.logged = logged or status.message

    @property
    def http_status(self) -> int:
        """What REST answers."""
        return HTTP_STATUSES[self.reason]


def refusal_of(error: BaseException, context: Context) -> Refusal:
    """The answer to `error`."""
    if isinstance(error, TimeoutError):
        error = errors.DeadlineExceeded("not done in time; the change may have been made")
    if isinstance(error, errors.EmporiumError):
        return _refusal(code_of(type(error)), error, context)
    hidden = errors.Internal("something went wrong on our side; quote the request id")
    return _refusal(grpc.StatusCode.INTERNAL, hidden, context, expected=False)


def abandoned(context: Context, error: errors.EmporiumError | None = None) -> Refusal:
    """The outcome of a call whose caller no longer waits; reported, and never sent.

    The caller hung up, or its deadline passed, unless `error` is known to have ended the call.
    """
    error = error or errors.DeadlineExceeded("the caller hung up, or its deadline passed")
    return _refusal(grpc.StatusCode.CANCELLED, error, context)


def code_of(error: type[errors.EmporiumError]) -> grpc.StatusCode:
    """The status of the nearest kind above `error`."""
    for kind in error.__mro__:
        if kind in CODES:
            return CODES[kind]
    raise KeyError(f"{error.__name__} is of no kind in the error table")


def _refusal(
    code: grpc.StatusCode, error: errors.EmporiumError, context: Context, *, expected: bool = True
) -> Refusal:
    details = [
        error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN),
        error_details_pb2.RequestInfo(request_id=context.request_id),
    ]
    if error.violations:
        details.append(error_details_pb2.BadRequest(field_violations=_fitting(error.violations)))
    if error.retry_after_seconds is not None:
        delay = Duration()
        delay.FromNanoseconds(int(error.retry_after_seconds * 1e9))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    status = Status(code=code.value[0], message=error.message[:_MESSAGE_LENGTH_MAX])
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return Refusal(code, error.reason, status, expected, error.logged[:_MESSAGE_LENGTH_MAX])


def _fitting(violations: Sequence[errors.Violation]) -> Iterator[FieldViolation]:
    """As many as fit into the trailers, and how many more there are."""
    room = _VIOLATIONS_BYTES_MAX
    for n, (field, text) in enumerate(violations):
        shown = FieldViolation(field=field, description=text)
        room -= shown.ByteSize()
        if room < 0:
            more = len(violations) - n
            yield FieldViolation(description=f"and {more} more")
            return
        yield shown

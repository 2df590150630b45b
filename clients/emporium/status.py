"""Reads a failed call: gRPC's status, and the `google.rpc.Status` in its trailers."""

from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode
from grpc.aio import AioRpcError

from emporium.exceptions import (
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
    Violation,
)

# The exception for each status, and the reason when the call was refused without one, by the
# transport or a proxy. gRPC had no other status when this was written.
KINDS: dict[StatusCode, tuple[type[EmporiumError], str]] = {
    StatusCode.CANCELLED: (Cancelled, ""),
    StatusCode.UNKNOWN: (InternalError, "INTERNAL"),
    StatusCode.INVALID_ARGUMENT: (InvalidRequest, ""),
    StatusCode.DEADLINE_EXCEEDED: (DeadlineExceeded, "DEADLINE_EXCEEDED"),
    StatusCode.NOT_FOUND: (NotFound, ""),
    StatusCode.ALREADY_EXISTS: (AlreadyExists, ""),
    StatusCode.PERMISSION_DENIED: (PermissionDenied, "PERMISSION_DENIED"),
    StatusCode.UNAUTHENTICATED: (Unauthenticated, "UNAUTHENTICATED"),
    StatusCode.RESOURCE_EXHAUSTED: (RateLimited, "RATE_LIMITED"),
    StatusCode.FAILED_PRECONDITION: (Conflict, "CONFLICT"),
    StatusCode.ABORTED: (Conflict, "CONFLICT"),
    StatusCode.OUT_OF_RANGE: (InvalidRequest, ""),
    StatusCode.UNIMPLEMENTED: (Unimplemented, "METHOD_NOT_IMPLEMENTED"),
    StatusCode.INTERNAL: (InternalError, "INTERNAL"),
    StatusCode.UNAVAILABLE: (Unavailable, "UNAVAILABLE"),
    StatusCode.DATA_LOSS: (InternalError, "INTERNAL"),
}

# Reasons with an exception of their own, although they share their gRPC status with others.
KINDS_BY_REASON: dict[str, type[EmporiumError]] = {
    "ETAG_MISMATCH": Outdated,
    "BODY_TOO_LARGE": TooLarge,
    "HEADERS_TOO_LARGE": TooLarge,
}


# The wording of a reply without a reason for a message that is too large: gRPC's own, Envoy's, and
# gRPC's for a proxy that answers in HTTP only. No retry makes the message smaller.
_TOO_LARGE = ("larger than max", "Payload Too Large", "http2 header with status: 413")


def exception_of(error: AioRpcError, sent_request_id: str) -> EmporiumError:
    """The exception for `error`.

    `sent_request_id` is what the call was sent with; the id in the answer takes precedence.
    """
    kind, reason = KINDS.get(error.code(), (InternalError, "INTERNAL"))
    message = error.details() or error.code().name
    is_vague = error.code() in {StatusCode.RESOURCE_EXHAUSTED, StatusCode.UNKNOWN}
    if is_vague and any(words in message for words in _TOO_LARGE):
        reason = "BODY_TOO_LARGE"
    details = _Details(error)
    reason = details.reason or reason
    return KINDS_BY_REASON.get(reason, kind)(
        message,
        reason=reason,
        violations=details.violations,
        request_id=details.request_id or sent_request_id,
        retry_after_seconds=details.retry_after_seconds,
    )


class _Details:
    """What the trailers hold besides status and message; empty where they hold nothing."""

    def __init__(self, error: AioRpcError) -> None:
        self.reason = ""
        self.request_id = ""
        self.violations: list[Violation] = []
        self.retry_after_seconds: float | None = None
        trailers = dict(error.trailing_metadata() or ())
        self._read_retry_after(trailers.get("retry-after"))
        self._read_details(trailers.get("grpc-status-details-bin"))

    def _read_retry_after(self, seconds: str | bytes | None) -> None:
        # The edge's limits answer with the HTTP header, and without details.
        if isinstance(seconds, str) and seconds.isdecimal():
            self.retry_after_seconds = float(seconds)

    def _read_details(self, status: str | bytes | None) -> None:
        if not isinstance(status, bytes):
            return
        try:
            for detail in status_pb2.Status.FromString(status).details:
                self._read_detail(detail.TypeName(), detail.value)
        except DecodeError:
            # Malformed details must not hide the failure of the call.
            return

    def _read_detail(self, kind: str, value: bytes) -> None:
        if kind == "google.rpc.ErrorInfo":
            self.reason = error_details_pb2.ErrorInfo.FromString(value).reason
        elif kind == "google.rpc.RequestInfo":
            self.request_id = error_details_pb2.RequestInfo.FromString(value).request_id
        elif kind == "google.rpc.BadRequest":
            fields = error_details_pb2.BadRequest.FromString(value).field_violations
            self.violations = [Violation(at.field, at.description) for at in fields]
        elif kind == "google.rpc.RetryInfo":
            delay = error_details_pb2.RetryInfo.FromString(value).retry_delay
            self.retry_after_seconds = delay.seconds + delay.nanos / 1e9

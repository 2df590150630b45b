"""The exceptions that a call can raise.

EmporiumError
├── InvalidRequest      a field breaks a rule: see `violations`
│   └── TooLarge        the request, or what it asks for, is too big to send
├── Unauthenticated     no token, or not a valid one; a wrong password
├── PermissionDenied    the token is valid, and lacks the permission
├── NotFound            it is not there, or not yours to see
├── AlreadyExists       something unique is taken
├── Conflict            the resource is not in a state for it, or a concurrent change won
├── Outdated            the resource has changed since its etag was read
├── RateLimited         too many requests: see `retry_after_seconds`
├── Unavailable         there was no answer, even after the retries that were safe
├── DeadlineExceeded    no answer in time; the change may have been made
├── Cancelled           the client was closed, or the server cancelled the call
├── Unimplemented       the server does not know the call: it may be older than this client
└── InternalError       a defect of the server
"""

from collections.abc import Sequence
from typing import NamedTuple


class Violation(NamedTuple):
    """One field that breaks a rule: its path in the request, and what to correct."""

    field: str
    description: str


class EmporiumError(Exception):
    """A call failed.

    `message` is a sentence for people. `reason` is for programs: the name of an
    `emporium.errors.v1.ErrorReason`, empty when the transport or a proxy refused the call.
    `violations` names every field at fault. `request_id` identifies the call in the services'
    logs. `retry_after_seconds` says when a retry may succeed, where that is known.
    The transport's own error is the `__cause__`.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        violations: Sequence[Violation] = (),
        request_id: str = "",
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.violations = tuple(violations)
        self.request_id = request_id
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        known = [self.reason, self.request_id and f"request {self.request_id}"]
        notes = ", ".join(filter(None, known))
        return f"{self.message} ({notes})" if notes else self.message


class InvalidRequest(EmporiumError):
    """The request cannot be read, or breaks a rule; `violations` names the fields."""


class TooLarge(InvalidRequest):
    """The request, or what it asks for, is too big to send. Ask for less at a time."""


class Unauthenticated(EmporiumError):
    """A token is needed and there was none, or it is not valid; or the password is wrong."""


class PermissionDenied(EmporiumError):
    """The caller is known, and may not do this."""


class NotFound(EmporiumError):
    """It does not exist, or the caller may not see it: the two have the same answer."""


class AlreadyExists(EmporiumError):
    """Something that must be unique is taken."""


class Conflict(EmporiumError):
    """The resource is not in a state for it, or a concurrent change won."""


class Outdated(EmporiumError):
    """The resource has changed since its etag was read. Read it again, then repeat the change."""


class RateLimited(EmporiumError):
    """Too many requests. `retry_after_seconds`, where known, says how long to wait."""


class Unavailable(EmporiumError):
    """There was no answer, even after the retries that were safe."""


class DeadlineExceeded(EmporiumError):
    """There was no answer in time.

    A change may have been made nevertheless: read again, or repeat it with the same
    `idempotency_key`.
    """


class Cancelled(EmporiumError):
    """The client was closed during the call or before it, or the server cancelled the call.

    Cancelling the task that awaits a call raises `asyncio.CancelledError`, as everywhere.
    """


class Unimplemented(EmporiumError):
    """The server does not know the call: it may be older than this client."""


class InternalError(EmporiumError):
    """A defect of the server. Report it with the `request_id`."""

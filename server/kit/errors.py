"""The errors that callers get to see.

    EmporiumError
    ├── Malformed          the request cannot be read
    ├── Invalid            it can be read, and breaks a rule
    ├── Unauthenticated    no valid token says who the caller is
    ├── Forbidden          the caller is known, and lacks the permission
    ├── NotFound           it is not there, or not the caller's to see
    ├── AlreadyExists      something unique is taken
    ├── Conflict           the resource is not in a state for it
    ├── Outdated           the resource has changed since it was read
    ├── RateLimited        too many requests, or too many that failed
    ├── Unavailable        a part of the system is unreachable; a retry may help
    ├── DeadlineExceeded   it took too long, and may have been done nevertheless
    └── Internal           a defect of ours

A service names its own errors as subclasses with a `reason` of `emporium.errors.v1.ErrorReason`.
The gRPC status of each kind is defined in `call/status.py`, nowhere else.
"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, NamedTuple


class Violation(NamedTuple):
    """One field that breaks a rule: its path in the request, and what to correct."""

    field: str
    description: str


class EmporiumError(Exception):
    """An error that the caller is meant to see.

    `message` is a sentence for people. `violations` names the invalid fields; `field` is short for
    one violation, which the message describes: what it says after the field's name, if it begins
    with that. `logged` is what the log has instead of a message that repeats what the caller made
    up. `retry_after_seconds` says when a retry may succeed.
    """

    reason: str  # each class has its own

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        violations: Sequence[Violation] = (),
        logged: str = "",
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.logged = logged or message
        described = message.removeprefix(f"{field}: ")
        self.violations = (Violation(field, described),) if field else tuple(violations)
        self.retry_after_seconds = retry_after_seconds


class Malformed(EmporiumError):
    """The request cannot be read."""

    reason = "MALFORMED_REQUEST"


class UnknownField(Malformed):
    """A body or a query names a field that the request does not have there."""

    reason = "UNKNOWN_FIELD"
    LENGTH_MAX: ClassVar[int] = 128  # of what is told of the name

    def __init__(self, message: str, name: str) -> None:
        """`message` has `{name}` where the name belongs, of which the log has nothing."""
        shown = name[: self.LENGTH_MAX]
        super().__init__(message.format(name=shown), field=shown, logged=message.format(name="?"))


class UnsupportedMediaType(Malformed):
    """The body is of a type that the rpc does not take."""

    reason = "UNSUPPORTED_MEDIA_TYPE"


class NotAcceptable(Malformed):
    """The caller takes no type that there is an answer in."""

    reason = "NOT_ACCEPTABLE"


class Invalid(EmporiumError):
    """The request can be read, and breaks a rule.

    The sentence begins with the field, whoever has found the fault: the edge, the contract's rules
    or a service's own. A kind with a reason of its own may speak of more than the field.
    """

    reason = "VALIDATION_FAILED"

    def __init__(self, message: str, *, field: str | None = None, **others: Any) -> None:
        if field and self.reason == Invalid.reason:
            message = f"{field}: {message}"
        super().__init__(message, field=field, **others)

    @classmethod
    def check(cls, violations: Iterable[Violation]) -> None:
        """Raises unless there are none; names every field that breaks a rule."""
        found = tuple(violations)
        fields = [*dict.fromkeys(violation.field for violation in found)]
        if len(fields) == 1:
            said = "; ".join(violation.description for violation in found)
            raise cls(f"{fields[0]}: {said}", violations=found)
        if fields:
            message = f"{len(fields)} fields are invalid: {', '.join(fields)}"
            raise cls(message, violations=found)


class InvalidFilter(Invalid):
    """A filter's value is not one of its forms."""

    reason = "INVALID_FILTER"


class UnknownSortField(Invalid):
    """The list cannot be sorted by that field."""

    reason = "UNKNOWN_SORT_FIELD"


class InvalidPageToken(Invalid):
    """The page token was not made by this list with these filters."""

    reason = "INVALID_PAGE_TOKEN"


class InvalidUpdateMask(Invalid):
    """The mask names a field that cannot be updated, or cannot be cleared."""

    reason = "INVALID_UPDATE_MASK"


class NothingToUpdate(Invalid):
    """The update names no field."""

    reason = "NOTHING_TO_UPDATE"


class PreconditionRequired(Invalid):
    """The change has to name the etag that it is made on."""

    reason = "PRECONDITION_REQUIRED"


class Unauthenticated(EmporiumError):
    """A token is needed and none was sent."""

    reason = "UNAUTHENTICATED"


class InvalidToken(Unauthenticated):
    """The token is forged, malformed or not for this API."""

    reason = "INVALID_TOKEN"


class TokenExpired(Unauthenticated):
    """The token was valid, and has expired."""

    reason = "TOKEN_EXPIRED"


class AccountInactive(Unauthenticated):
    """The token is good, and its account was deleted or disabled since."""

    reason = "ACCOUNT_INACTIVE"


class SessionEnded(Unauthenticated):
    """There is no such session any more."""

    reason = "SESSION_ENDED"

    def __init__(self) -> None:
        super().__init__("the session has ended; sign in again")


class ApiKeyDeleted(Unauthenticated):
    """The API key that the token was given for is there no more."""

    reason = "API_KEY_DELETED"

    def __init__(self) -> None:
        super().__init__("the API key was deleted; sign in by another one")


class Forbidden(EmporiumError):
    """The caller is known, and lacks the permission."""

    reason = "PERMISSION_DENIED"


class NotFound(EmporiumError):
    """It is not there, or not the caller's to see. Services name what."""

    reason = "ROUTE_NOT_FOUND"


class AlreadyExists(EmporiumError):
    """Something unique is taken. Services name what."""

    reason = "CONFLICT"


class IdempotencyKeyReused(AlreadyExists):
    """The key was used before, with another body."""

    reason = "IDEMPOTENCY_KEY_REUSED"


class Conflict(EmporiumError):
    """The resource is not in a state for it, or a concurrent change won."""

    reason = "CONFLICT"


class Outdated(EmporiumError):
    """The resource has changed since the etag was read."""

    reason = "ETAG_MISMATCH"
    BETWEEN: ClassVar[str] = "\n"  # several etags, one of which must be the resource's

    @classmethod
    def check(cls, demanded: str, etag: str, noun: str) -> None:
        """Raises unless `etag` is `demanded`, or one of several there on lines of their own.

        Where none is demanded, any will do.
        """
        if demanded and etag not in demanded.split(cls.BETWEEN):
            raise cls(f"the {noun} has changed; read it again", field="etag")


class RateLimited(EmporiumError):
    """Too many requests, or too many that failed."""

    reason = "RATE_LIMITED"


class Unavailable(EmporiumError):
    """A part of the system is unreachable."""

    reason = "UNAVAILABLE"


class OutOfSpace(Unavailable):
    """A database has no room for what shall be written; it goes on when there is room again."""

    reason = "OUT_OF_SPACE"


class DeadlineExceeded(EmporiumError):
    """It took too long. The change may have been made."""

    reason = "DEADLINE_EXCEEDED"


class Internal(EmporiumError):
    """A defect of ours; the log says which."""

    reason = "INTERNAL"

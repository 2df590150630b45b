"""What the driver's errors mean to a caller."""

from types import TracebackType

import asyncpg

from server.kit import errors

_RETRY_AFTER_SECONDS = 1.0

DataError = asyncpg.DataError  # a value that its column cannot hold
UniqueViolationError = asyncpg.UniqueViolationError  # a value that another row has

# What says that the server is away, stopping or out of room, rather than that a statement is wrong.
AWAY = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleSessionTimeoutError,
    # A connection whose server is going away was given back before its end had been noticed, and
    # was taken again in between. The pool's reset query would notice; we do without (see below).
    asyncpg.InternalClientError,
)


class _Translation:
    """A class, because a generator would cost every statement three microseconds more."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            _raise_translated(error)


_TRANSLATION = _Translation()


def translated() -> _Translation:
    """Gives what the driver raises a name that callers may hear.

    A store translates its own constraint violations inside this; whatever is neither of them nor
    the server being away goes through, and the caller hears INTERNAL.
    """
    return _TRANSLATION


def _raise_translated(error: BaseException) -> None:
    if isinstance(error, asyncpg.QueryCanceledError | TimeoutError):
        raise errors.DeadlineExceeded("the database took too long") from error
    if isinstance(error, asyncpg.LockNotAvailableError | asyncpg.SerializationError):
        raise errors.Conflict("another change was faster; try again") from error
    if isinstance(error, asyncpg.DeadlockDetectedError):
        raise errors.Conflict("two changes met; try again", retry_after_seconds=0.1) from error
    if isinstance(error, AWAY):
        raise errors.Unavailable(
            "the database cannot be reached", retry_after_seconds=_RETRY_AFTER_SECONDS
        ) from error

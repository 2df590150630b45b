"""What the driver's errors mean to a caller."""

from collections.abc import Iterator
from contextlib import contextmanager

from pymongo.errors import (
    ConnectionFailure,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    WTimeoutError,
)

from server.kit import errors

TRY_AGAIN = "TransientTransactionError"

_RETRY_AFTER_SECONDS = 1.0


@contextmanager
def translated() -> Iterator[None]:
    """Translates the driver's exceptions into errors for callers.

    A store translates its own duplicate keys inside this; any other exception that does
    not mean that the server is unreachable passes through, and becomes INTERNAL.
    """
    try:
        yield
    except (NetworkTimeout, ExecutionTimeout, WTimeoutError) as error:
        raise errors.DeadlineExceeded("the database took too long") from error
    except ConnectionFailure as error:
        raise errors.Unavailable(
            "the database cannot be reached", retry_after_seconds=_RETRY_AFTER_SECONDS
        ) from error
    except OperationFailure as error:
        if not error.has_error_label(TRY_AGAIN):
            raise
        raise errors.Conflict("two changes met; try again", retry_after_seconds=0.1) from error

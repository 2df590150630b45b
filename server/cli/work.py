"""How commands do what takes a database driver or gRPC, and what they say when it is refused."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from server.local.errors import LocalError

T = TypeVar("T")


def done(work: Coroutine[Any, Any, T]) -> T:
    """Does `work`, which may log; its warnings and errors are shown, on standard error.

    Raises `LocalError` for all that a service, a store or the settings refuse.
    """
    # Imported late: the commands that do no such work do without.
    from server.kit.telemetry import for_a_person

    with for_a_person():
        try:
            return asyncio.run(work)
        except _refusals() as error:
            raise LocalError(_said(error), _remedy(error)) from error


def _refusals() -> tuple[type[Exception], ...]:
    """What the client, the kit and the settings raise; asked for when something was raised."""
    from emporium import EmporiumError as AnsweredError
    from server.kit.errors import EmporiumError
    from server.settings import SettingsError

    return AnsweredError, EmporiumError, SettingsError


def _said(error: Exception) -> str:
    """What is wrong, with each field at fault."""
    violations = getattr(error, "violations", ())
    return "; ".join(": ".join(filter(None, each)) for each in violations) or str(error)


def _remedy(error: Exception) -> str:
    """Where something may be away or broken, who shows what runs."""
    from emporium import exceptions as answered
    from server.kit import errors

    away = (
        answered.Unavailable,
        answered.DeadlineExceeded,
        answered.InternalError,
        errors.Unavailable,
        errors.DeadlineExceeded,
        errors.Internal,
    )
    return "See `emporium status`." if isinstance(error, away) else ""

"""How commands do what takes a database driver or gRPC."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from server.local.errors import LocalError

T = TypeVar("T")


def done(work: Coroutine[Any, Any, T]) -> T:
    """Does `work`, which may log; its warnings and errors are shown, on standard error.

    Raises `LocalError` for what the kit's rooms refuse.
    """
    # Imported late: the commands that do no such work do without.
    from server.kit.errors import EmporiumError
    from server.kit.telemetry import for_a_person

    with for_a_person():
        try:
            return asyncio.run(work)
        except EmporiumError as error:
            raise LocalError(str(error), "See `emporium status`.") from error

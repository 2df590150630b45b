"""A relay in a process of its own, which is killed in the middle of its work.

    python -m tests.server.kit.outbox.relay_process DSN FILE BATCHES

Writes the payloads that its destination takes to FILE, a line each, and dies by SIGKILL after so
many batches have been taken, before the last of them is acknowledged.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from server.kit import outbox, postgres
from server.kit.outbox import Event
from server.settings import Postgres
from tests.server.kit.outbox.sides import QUICK


class Dying:
    """Takes events, and dies."""

    name = "analytics"

    def __init__(self, file: Path, batches: int) -> None:
        self._file = file
        self._batches = batches

    async def send(self, events: Sequence[Event]) -> None:
        with self._file.open("ab") as file:
            file.writelines(event.payload + b"\n" for event in events)
        self._batches -= 1
        if not self._batches:
            os.kill(os.getpid(), signal.SIGKILL)


async def main(dsn: str, file: Path, batches: int) -> None:
    """Relays until it dies."""
    pace = replace(QUICK, batch_max=3, lease=3_600.0)
    async with (
        postgres.connected(Postgres(database_url=dsn)) as pool,
        outbox.relaying(pool, dsn, [Dying(file, batches)], pace=pace),
    ):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))

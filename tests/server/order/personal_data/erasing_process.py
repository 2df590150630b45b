"""Erases a buyer, and is killed in the middle.

    python -m tests.server.order.personal_data.erasing_process DSN USER_ID STEPS

Dies by SIGKILL in the step after STEPS whole ones, when everything is written and nothing of it
committed.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

from server.kit import postgres
from server.kit.postgres.transaction import UnitOfWork
from server.order.app.webhooks import forgetting
from server.order.events.anonymous import anonymous
from server.order.orders.store.erasing import PersonalOrders
from server.order.personal_data.store import PostgresErasureStore
from server.settings import Postgres


class Dying(PersonalOrders):
    """Orders whose eraser dies; `steps` whole ones are left."""

    steps: int

    async def erase(self, unit: UnitOfWork, user_id: str, count_max: int) -> Mapping[str, int]:
        erased = await super().erase(unit, user_id, count_max)
        if not self.steps:
            await unit.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        self.steps -= 1
        return erased


async def main(dsn: str, user_id: str, steps: int) -> None:
    """Dies."""
    now = datetime.now(UTC)
    async with postgres.connected(Postgres(database_url=dsn)) as pool:
        orders = Dying(pool, "order", anonymous, forgetting())
        orders.steps = steps
        await PostgresErasureStore(pool, orders).erase(user_id, now, now)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))

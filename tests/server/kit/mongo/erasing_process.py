"""Erases a person, and is killed in the middle.

    python -m tests.server.kit.mongo.erasing_process URI DATABASE USER_ID STEPS

Dies by SIGKILL in the step after STEPS whole ones, when it has deleted and not committed.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

from server.kit import mongo as kit_mongo
from server.kit.mongo import Session
from server.kit.mongo.erasing import Erasures
from server.settings import Mongo
from tests.server.kit.mongo.things import Things


class Dying(Things):
    """Things whose eraser dies; `steps` whole ones are left."""

    steps: int

    async def erase(self, user_id: str, count_max: int, session: Session) -> Mapping[str, int]:
        erased = await super().erase(user_id, count_max, session)
        if not self.steps:
            os.kill(os.getpid(), signal.SIGKILL)
        self.steps -= 1
        return erased


async def main(uri: str, name: str, user_id: str, steps: int) -> None:
    """Dies."""
    settings = Mongo(mongodb_uri=uri, mongodb_database=name)
    async with kit_mongo.connected(settings) as database:
        things = Dying(database)
        things.steps = steps
        await Erasures(database, "test/mongodb", [things]).erase(user_id, datetime.now(UTC))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))

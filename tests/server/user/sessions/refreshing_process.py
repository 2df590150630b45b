"""Goes on with a session, and is killed in the middle of a refresh.

    python -m tests.server.user.sessions.refreshing_process URI DATABASE TOKEN COUNT WHEN

Spends COUNT tokens, and dies by SIGKILL: `during` the next refresh, when it may have been sent, or
`after` it, before its caller has the answer. Writes the token of that refresh to standard output.
"""

import asyncio
import os
import signal
import sys

from server.kit import mongo as kit_mongo
from server.settings import Mongo
from server.user.sessions.store import MongoSessionStore
from tests.server.user.sessions.rotations import TOKENS, rotation_of

_TURNS = 5  # of the loop: enough for a driver that is connected to send


async def main(uri: str, database: str, text: str, count: str, when: str) -> None:
    """Dies."""
    token = TOKENS.read(text)
    settings = Mongo(mongodb_uri=uri, mongodb_database=database)
    async with kit_mongo.connected(settings) as connected:
        store = MongoSessionStore(connected)
        for _ in range(int(count)):
            await store.rotate(rotation_of(token))
            token = TOKENS.successor(token)
        sys.stdout.write(TOKENS.write(token))
        sys.stdout.flush()
        last = asyncio.create_task(store.rotate(rotation_of(token)))
        if when == "after":
            await last
        else:
            for _ in range(_TURNS):
                await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

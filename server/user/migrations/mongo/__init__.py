"""The numbered steps that make the user service's MongoDB what it is now."""

import sys

from server.kit import mongo
from server.kit.mongo import migrate
from server.services import USER
from server.settings import Mongo


async def upgrade(uri: str, database: str = USER.mongo) -> list[str]:
    """Applies the steps that `database` on `uri` lacks, and gives their names. Repeatable.

    Raises `Unavailable` when the server cannot be reached.
    """
    settings = Mongo(mongodb_uri=uri, mongodb_database=database)
    async with mongo.connected(settings) as connected:
        return await migrate.upgrade(connected, sys.modules[__name__])

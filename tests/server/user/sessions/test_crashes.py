"""A process that is killed in the middle of a refresh leaves its caller a way on, and one only."""

import asyncio
import signal
import sys

import pytest

from server.kit import mongo as kit_mongo
from server.local.engines.mongo import EmbeddedMongo
from server.user.sessions.rules import RefreshTokenReused
from server.user.sessions.store import MongoSessionStore
from tests.server.user.conftest import new_sessions_database
from tests.server.user.sessions.rotations import TOKENS, begun, rotation_of, session_of


@pytest.mark.parametrize("when", ["during", "after"])
async def test_a_session_goes_on_when_its_service_was_killed(
    mongo: EmbeddedMongo, when: str
) -> None:
    settings = await new_sessions_database(mongo)
    async with kit_mongo.connected(settings) as database:
        store = MongoSessionStore(database)
        first = await begun(store, session_of())
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.server.user.sessions.refreshing_process"),
            *(settings.mongodb_uri, settings.mongodb_database, TOKENS.write(first), "3", when),
            stdout=asyncio.subprocess.PIPE,
        )
        written, _ = await process.communicate()
        assert process.returncode == -signal.SIGKILL
        lost = TOKENS.read(written.decode())
        await store.rotate(rotation_of(lost))  # whether it was spent or not
        child = TOKENS.successor(lost)
        await store.rotate(rotation_of(child))
        with pytest.raises(RefreshTokenReused):
            await store.rotate(rotation_of(lost))

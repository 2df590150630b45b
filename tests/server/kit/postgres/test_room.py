"""A database without room: refused under a reason of its own, and readiness follows."""

import pytest

from server.kit import errors
from server.kit.postgres import Pool, ping, translated, translation
from server.kit.postgres import pool as pools
from server.kit.postgres.room import NoRoom, Room

FULL = "DO $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = 'disk_full'; END $$"


class Clock:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_write_without_room_is_told_so_and_readiness_follows(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    room = Room(keep_seconds=5.0, clock=clock)
    monkeypatch.setattr(translation, "room", room)
    monkeypatch.setattr(pools, "room", room)
    await ping(pool)
    with pytest.raises(errors.OutOfSpace) as raised, translated():
        await pool.execute(FULL)
    assert raised.value.reason == "OUT_OF_SPACE"
    assert raised.value.retry_after_seconds
    with pytest.raises(NoRoom):
        await ping(pool)
    clock.now = 5.0  # nobody has been refused since: the next write may find out
    await ping(pool)

"""Hashes on their own threads, bounded."""

import asyncio

from server.kit import errors
from server.user.passwords import hashing

CHEAPEST_BCRYPT = 4
SLOW_BCRYPT = 10


async def test_a_password_matches_its_own_hash_only() -> None:
    async with hashing(CHEAPEST_BCRYPT, 1) as hasher:
        password_hash = await hasher.hash("correct horse")
        assert await hasher.matches("correct horse", password_hash)
        assert not await hasher.matches("battery staple", password_hash)
        assert not await hasher.matches("nobody's password", None)


async def test_the_loop_goes_on_while_hashing() -> None:
    async with hashing(SLOW_BCRYPT, 1) as hasher:
        hashed = asyncio.create_task(hasher.hash("correct horse"))
        turns = 0
        while not hashed.done():
            await asyncio.sleep(0)
            turns += 1
        assert turns > 100


async def test_only_so_many_may_wait() -> None:
    async with hashing(CHEAPEST_BCRYPT, 1) as hasher:
        results = await asyncio.gather(
            *(hasher.hash("correct horse") for _ in range(40)), return_exceptions=True
        )
        refused = [result for result in results if isinstance(result, errors.Unavailable)]
        assert len(refused) == 40 - 16
        assert all(error.retry_after_seconds for error in refused)
        assert await hasher.hash("afterwards")

"""Hashes on their own threads, bounded."""

import asyncio
import threading

import bcrypt
import pytest

from server.kit import errors
from server.kit.shares import sharer
from server.user.passwords.hashing import PasswordHasher, hashing
from tests.server.user.counting import Counting

CHEAPEST_BCRYPT = 4
PREFIX_LENGTH = 7  # of a hash: its kind and its cost
HELD_SECONDS_MAX = 20


async def test_a_password_matches_its_own_hash_only() -> None:
    async with hashing(CHEAPEST_BCRYPT, 1) as hasher:
        password_hash = await hasher.hash("correct horse")
        assert await hasher.matches("correct horse", password_hash)
        assert not await hasher.matches("battery staple", password_hash)
        assert not await hasher.matches("nobody's password", None)


COMPOSED, DECOMPOSED = "correct h\u00f6rse", "correct ho\u0308rse"


@pytest.mark.parametrize("made_of", [COMPOSED, DECOMPOSED])
@pytest.mark.parametrize("typed", [COMPOSED, DECOMPOSED])
async def test_a_password_is_its_letters_however_they_are_composed(
    made_of: str, typed: str
) -> None:
    async with hashing(CHEAPEST_BCRYPT, 1) as hasher:
        assert await hasher.matches(typed, await hasher.hash(made_of))
        # As passwords were hashed before: as they were sent.
        old = bcrypt.hashpw(made_of.encode(), bcrypt.gensalt(CHEAPEST_BCRYPT))
        assert await hasher.matches(typed, old)
        assert not await hasher.matches("correct horse", old)


async def test_a_password_that_grows_when_it_is_normalised_is_still_one() -> None:
    growing = "\u0958" * 24  # 72 bytes, and twice as many in either normal form
    async with hashing(CHEAPEST_BCRYPT, 1) as hasher:
        password_hash = await hasher.hash(growing)
        assert await hasher.matches(growing, password_hash)
        assert not await hasher.matches("\u0958" * 23, password_hash)


async def test_no_account_costs_one_check_from_the_first_login_on() -> None:
    with Counting() as executor:
        hasher = PasswordHasher(executor, CHEAPEST_BCRYPT, waiting_max=16)
        matched = await asyncio.gather(*(hasher.matches("correct horse", None) for _ in range(5)))
        assert not any(matched)
        assert executor.count == 5


async def test_no_account_costs_what_a_wrong_password_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One run of bcrypt each, of the same cost: what takes the time is told apart by neither."""
    runs: list[bytes] = []

    def counted(password: bytes, compared: bytes) -> bool:
        runs.append(compared[:PREFIX_LENGTH])
        return real(password, compared)

    real = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", counted)
    async with hashing(CHEAPEST_BCRYPT + 1, 1) as hasher:
        password_hash = await hasher.hash("correct horse")
        assert not await hasher.matches("battery staple", password_hash)
        assert not await hasher.matches("battery staple", None)
    assert runs == [b"$2b$05$"] * 2


async def test_the_loop_goes_on_while_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def held(password: bytes, salt: bytes) -> bytes:
        begun.set()
        assert may_end.wait(HELD_SECONDS_MAX), "the loop stood still"
        return real(password, salt)

    real = bcrypt.hashpw
    monkeypatch.setattr(bcrypt, "hashpw", held)
    async with hashing(CHEAPEST_BCRYPT, 1) as hasher:
        hashed = asyncio.create_task(hasher.hash("correct horse"))
        await asyncio.to_thread(begun.wait, HELD_SECONDS_MAX)
        may_end.set()
        assert await hashed


async def test_only_so_many_may_wait() -> None:
    async with hashing(CHEAPEST_BCRYPT, 1) as hasher:
        results = await asyncio.gather(
            *(hasher.hash("correct horse") for _ in range(40)), return_exceptions=True
        )
        refused = [result for result in results if isinstance(result, errors.Unavailable)]
        assert len(refused) == 40 - 16
        assert all(error.retry_after_seconds for error in refused)
        assert await hasher.hash("afterwards")


async def test_one_caller_leaves_room_for_others_to_sign_in() -> None:
    async def of(name: str) -> bytes:
        sharer.set(name)
        return await hasher.hash("correct horse")

    async with hashing(CHEAPEST_BCRYPT, 1) as hasher:
        names = ["10.0.0.1"] * 40 + ["10.0.0.2"] * 3
        results = await asyncio.gather(*map(of, names), return_exceptions=True)
        done = [
            name for name, found in zip(names, results, strict=True) if isinstance(found, bytes)
        ]
        assert (done.count("10.0.0.1"), done.count("10.0.0.2")) == (4, 3)
        assert await of("10.0.0.1")

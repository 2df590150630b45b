"""Hashes on their own threads, bounded."""

import asyncio
import os
import threading
import unicodedata

import bcrypt
import pytest

from server.kit import errors
from server.kit.shares import sharer
from server.user.passwords.hashing import Checked, PasswordHasher, hashing
from tests.server.user.counting import Bcrypt

CHEAPEST_BCRYPT = 4
PREFIX_LENGTH = 7  # of a hash: its kind and its cost
HELD_SECONDS_MAX = 20


async def matches(hasher: PasswordHasher, password: str, password_hash: bytes | None) -> bool:
    return (await hasher.check(password, password_hash)).matches


def hashed_raw(password: str, cost: int = CHEAPEST_BCRYPT) -> bytes:
    """As passwords were hashed before they were normalised: as they were sent."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost))


async def test_a_password_matches_its_own_hash_only() -> None:
    async with hashing(CHEAPEST_BCRYPT, 1) as hasher:
        password_hash = await hasher.hash("correct horse")
        assert await hasher.check("correct horse", password_hash) == Checked(True, False)
        assert await hasher.check("battery staple", password_hash) == Checked(False, False)
        assert await hasher.check("nobody's password", None) == Checked(False, False)


COMPOSED, DECOMPOSED = "correct h\u00f6rse", "correct ho\u0308rse"
FULL_WIDTH = "".join(chr(ord(each) + 0xFEE0) for each in "correcthorse")
GROWING = "\u0958" * 24  # 72 bytes, and twice as many when it is normalised


@pytest.mark.parametrize("made_of", [COMPOSED, DECOMPOSED])
@pytest.mark.parametrize("typed", [COMPOSED, DECOMPOSED])
async def test_a_password_is_its_letters_however_they_are_composed(
    made_of: str, typed: str
) -> None:
    async with hashing(CHEAPEST_BCRYPT, 1) as hasher:
        assert await matches(hasher, typed, await hasher.hash(made_of))
        assert not await matches(hasher, "correct horse", await hasher.hash(made_of))


async def test_a_password_is_its_letters_of_any_width() -> None:
    async with hashing(CHEAPEST_BCRYPT, 1) as hasher:
        assert await matches(hasher, FULL_WIDTH, await hasher.hash("correcthorse"))
        assert await matches(hasher, "correcthorse", await hasher.hash(FULL_WIDTH))


@pytest.mark.parametrize("typed", [DECOMPOSED, FULL_WIDTH])
async def test_a_hash_of_what_was_sent_is_matched_by_that_and_outdated(typed: str) -> None:
    async with hashing(CHEAPEST_BCRYPT, 1) as hasher:
        assert await hasher.check(typed, hashed_raw(typed)) == Checked(True, True)
        assert await hasher.check(typed, await hasher.hash(typed)) == Checked(True, False)


async def test_an_older_password_that_grows_when_it_is_normalised_is_still_one() -> None:
    async with hashing(CHEAPEST_BCRYPT, 1) as hasher:
        assert await hasher.check(GROWING, hashed_raw(GROWING)) == Checked(True, False)
        assert not await matches(hasher, GROWING[1:], hashed_raw(GROWING))
        outdated = hashed_raw(GROWING, CHEAPEST_BCRYPT + 1)
        assert await hasher.check(GROWING, outdated) == Checked(True, True)
        assert await matches(hasher, GROWING, await hasher.hash(GROWING))


async def test_what_is_too_long_matches_nothing_and_is_not_cut() -> None:
    async with hashing(CHEAPEST_BCRYPT, 1) as hasher:
        for password_hash in (hashed_raw("x" * 72), hashed_raw(""), None):
            assert not await matches(hasher, "x" * 73, password_hash)


@pytest.mark.parametrize("made_at", [CHEAPEST_BCRYPT, CHEAPEST_BCRYPT + 2])
async def test_a_hash_of_another_cost_is_outdated(made_at: int) -> None:
    async with hashing(CHEAPEST_BCRYPT + 1, 1) as hasher:
        password_hash = hashed_raw("correct horse", made_at)
        assert await hasher.check("correct horse", password_hash) == Checked(True, True)
        assert await hasher.check("battery staple", password_hash) == Checked(False, False)


@pytest.mark.parametrize("typed", ["battery staple", DECOMPOSED, FULL_WIDTH, GROWING, "x" * 288])
async def test_no_account_costs_as_much_as_a_wrong_password(
    typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cost = CHEAPEST_BCRYPT + 2
    normalised = unicodedata.normalize("NFKC", typed)
    sent = [form for form in {typed, normalised} if len(form.encode()) <= 72]
    async with hashing(cost, 1) as hasher:
        of_now, of_then = await hasher.hash("correct horse"), hashed_raw(DECOMPOSED[:-1], cost)
        await hasher.check("the hash that no account has", None)  # is made once
        counts = []
        for password_hash in (None, of_now, of_then):
            with monkeypatch.context() as patch:
                bcrypt_runs = Bcrypt.counted(patch)
                assert not await matches(hasher, typed, password_hash)
            counts.append((bcrypt_runs.runs, bcrypt_runs.work))
    runs = max(1, len(sent))
    assert counts == [(runs, runs * 2**cost)] * 3


async def test_a_hash_of_a_lower_cost_costs_as_much_work(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap = hashed_raw("correct horse")
    async with hashing(CHEAPEST_BCRYPT + 3, 1) as hasher:
        works = []
        for password_hash in (None, cheap):
            with monkeypatch.context() as patch:
                bcrypt_runs = Bcrypt.counted(patch)
                assert not await matches(hasher, "battery staple", password_hash)
            works.append(bcrypt_runs.work)
    assert works == [2 ** (CHEAPEST_BCRYPT + 3)] * 2


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


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="there are batch jobs on Linux alone")
async def test_a_loop_that_is_a_batch_job_interrupts_the_hashing() -> None:
    usual = os.sched_getscheduler(0)
    os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    try:
        async with hashing(CHEAPEST_BCRYPT, 1) as hasher:
            hashes = [asyncio.create_task(hasher.hash("correct horse")) for _ in range(2)]
            await asyncio.sleep(0)  # they have begun
            assert os.sched_getscheduler(0) == os.SCHED_OTHER
            await asyncio.gather(*hashes)
            assert os.sched_getscheduler(0) == os.SCHED_BATCH
    finally:
        os.sched_setscheduler(0, usual, os.sched_param(0))


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

"""A stream that is followed: heard to its end, and opened again where it broke off."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from emporium.type.v1.revocation_pb2 import Revocation
from server.kit import background, errors, following
from server.kit.context import Caller, Role
from server.kit.following import LiveAccounts
from server.kit.revocations import Revocations
from tests.waiting import until


class Gone(Exception):
    """There is no stream."""


class Seconds(float):
    def ToTimedelta(self) -> timedelta:  # noqa: N802 - Protobuf's name
        return timedelta(seconds=self)


AT_ONCE, KEPT = Seconds(0), Seconds(660)


@dataclass
class Part:
    revocations: list[Revocation] = field(default_factory=list)
    position: int = 0
    complete: bool = True
    read_after: Seconds = AT_ONCE
    keep_for: Seconds = KEPT


class Source:
    """Streams of parts, each as the test sends them; None ends one, an error breaks it off."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.parts: asyncio.Queue[Part | Exception | None] = asyncio.Queue()

    async def watch(self, after_position: int) -> AsyncGenerator[Part, None]:
        self.asked.append(after_position)
        while (part := await self.parts.get()) is not None:
            if isinstance(part, Exception):
                raise part
            yield part

    async def heard(self) -> None:
        await until(lambda: asyncio.sleep(0, self.parts.empty()))


@dataclass
class Copy:
    source: Source
    known: Revocations
    accounts: LiveAccounts
    now: Callable[[], float]


@pytest.fixture
def source() -> Source:
    return Source()


@asynccontextmanager
async def copying(source: Source, clock: Callable[[], float]) -> AsyncIterator[Copy]:
    known = Revocations(clock)
    accounts = LiveAccounts(known, clock)
    follower = following.Following(source.watch, Gone, known, accounts, clock)
    async with background.running(background.Job("following_of_a_test", follower.run)):
        yield Copy(source, known, accounts, clock)


def ended(session_id: str) -> Revocation:
    return Revocation(session_id=session_id)


async def test_the_copy_is_live_once_all_was_heard(source: Source) -> None:
    async with copying(source, lambda: 100.0) as copy:
        source.parts.put_nowait(Part([ended("1")], 1, complete=False))
        await source.heard()
        assert not copy.accounts.is_live
        source.parts.put_nowait(Part([ended("2")], 2))
        await until(lambda: asyncio.sleep(0, copy.accounts.is_live))
        assert len(copy.known) == 2


@pytest.mark.parametrize("cut", [None, Gone()])
async def test_after_a_cut_it_goes_on_where_it_was(source: Source, cut: Exception | None) -> None:
    async with copying(source, lambda: 100.0) as copy:
        for position in range(1, 4):
            source.parts.put_nowait(Part([ended(str(position))], position))
            source.parts.put_nowait(cut)
        await until(lambda: asyncio.sleep(0, len(source.asked) == 4))
        assert source.asked == [0, 1, 2, 3]
        assert len(copy.known) == 3


async def test_a_stream_that_is_silent_is_opened_again(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_SILENCE_SECONDS_MAX", 0.05)
    async with copying(source, lambda: 100.0):
        source.parts.put_nowait(Part([], 7))
        await until(lambda: asyncio.sleep(0, source.asked[:2] == [0, 7]))


async def test_a_reading_counts_from_when_it_was_made_and_not_from_when_it_arrived(
    source: Source,
) -> None:
    now = 100.0
    ann = Caller(str(uuid.uuid4()), Role.STAFF, 0)
    async with copying(source, lambda: now) as copy:
        await until(lambda: asyncio.sleep(0, source.asked == [0]))  # the call began at 100
        now = 106.0
        source.parts.put_nowait(Part(read_after=Seconds(0.5)))  # so it was read at 100.5
        await source.heard()
        with pytest.raises(errors.Unavailable):
            await copy.accounts.current(ann, exact=True)
        source.parts.put_nowait(Part(read_after=Seconds(5.0)))
        await until(lambda: asyncio.sleep(0, copy.accounts.is_live))
        assert await copy.accounts.current(ann, exact=True) is ann


async def test_a_copy_is_live_when_its_block_begins(source: Source) -> None:
    source.parts.put_nowait(Part([ended("1")], 1, complete=False))
    source.parts.put_nowait(Part([ended("2")], 2))
    async with following.live_copy(source.watch, Gone) as live:
        assert live.accounts.is_live
        assert len(live.revocations) == 2


async def test_a_copy_waits_only_so_long_for_who_is_away(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_PATIENCE_SECONDS", 0.05)
    source.parts.put_nowait(Gone())
    async with following.live_copy(source.watch, Gone) as live:
        assert not live.accounts.is_live
        source.parts.put_nowait(Part())
        await until(lambda: asyncio.sleep(0, live.accounts.is_live))

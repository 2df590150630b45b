"""The list that streams read from: its parts, its ages, and what it forgets."""

import asyncio
import uuid
from collections.abc import Sequence
from datetime import timedelta

import pytest

from server.kit.revocations import Revocations
from server.user.revocations import feed as module
from server.user.revocations.feed import PART_MAX, Feed
from server.user.revocations.rows import Entry
from server.user.revocations.rules import session_ended
from server.user.revocations.wire import Part

KEEP_SECONDS = 660.0


class Store:
    """A feed in memory, that is read some entries at a time."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.now = 100.0

    def add(self, count: int) -> None:
        first = len(self.entries) + 1
        self.entries += [
            Entry(position, session_ended("ann", str(uuid.uuid4())))
            for position in range(first, first + count)
        ]

    async def since(self, position: int) -> Sequence[Entry]:
        return [entry for entry in self.entries if entry.position > position][:400]

    async def trim(self, keep: timedelta) -> int:
        raise NotImplementedError

    def feed(self) -> Feed:
        clock = lambda: self.now  # noqa: E731 - an argument twice
        return Feed(self, Revocations(clock), KEEP_SECONDS, clock)


@pytest.fixture
def store() -> Store:
    return Store()


async def parts_of(feed: Feed, after: int, count: int) -> list[Part]:
    stream = feed.after(after)
    return [await anext(stream) for _ in range(count)]


async def test_a_long_list_comes_in_parts_of_which_the_last_is_complete(store: Store) -> None:
    feed = store.feed()
    store.add(2 * PART_MAX + 1)
    await feed.read()
    parts = await parts_of(feed, 0, 3)
    assert [len(part.revocations) for part in parts] == [PART_MAX, PART_MAX, 1]
    assert [part.complete for part in parts] == [False, False, True]
    assert [part.position for part in parts] == [PART_MAX, 2 * PART_MAX, 2 * PART_MAX + 1]
    [rest] = await parts_of(feed, parts[1].position, 1)
    assert (len(rest.revocations), rest.complete) == (1, True)


async def test_each_reading_is_passed_on_with_its_age(store: Store) -> None:
    feed = store.feed()
    await feed.read()
    store.now += 0.25
    stream = feed.after(0)
    parts = [await anext(stream)]
    for seconds in (1.0, 1.5):
        coming = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        store.now += seconds
        store.add(1)
        await feed.read()
        parts.append(await coming)
    ages = [part.read_after.ToTimedelta().total_seconds() for part in parts]
    assert ages == [-0.25, 1.0, 2.5]
    assert [len(part.revocations) for part in parts] == [0, 1, 1]


async def test_who_is_slow_gets_what_came_meanwhile(store: Store) -> None:
    feed = store.feed()
    store.add(1)
    await feed.read()
    stream = feed.after(0)
    first = await anext(stream)
    for _ in range(3):
        store.add(2)
        await feed.read()
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    await feed.read()
    then = await waiting
    assert (len(first.revocations), len(then.revocations), then.position) == (1, 6, 7)


async def test_what_no_token_can_be_about_is_not_sent(store: Store) -> None:
    feed = store.feed()
    store.add(3)
    await feed.read()
    store.now += KEEP_SECONDS
    store.add(1)
    await feed.read()
    [part] = await parts_of(feed, 0, 1)
    assert (len(part.revocations), part.position) == (1, 4)


async def test_before_the_first_reading_nothing_is_said(store: Store) -> None:
    feed = store.feed()
    waiting = asyncio.ensure_future(anext(feed.after(0)))
    await asyncio.sleep(0)
    assert not waiting.done()
    await feed.read()
    assert (await waiting).complete


async def test_a_stream_ends_in_good_order_after_a_while(store: Store) -> None:
    feed = store.feed()
    await feed.read()
    stream = feed.after(0)
    await anext(stream)
    store.now += module._STREAM_SECONDS
    ending = asyncio.ensure_future(anext(stream, None))
    await asyncio.sleep(0)
    await feed.read()
    assert await ending is None

"""A relay that dies between sending and deleting costs a repetition, and no event."""

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from server.kit.outbox import Event
from server.kit.outbox.deliveries import Delivery
from server.kit.outbox.relay import Relay
from server.kit.outbox.sending import Sending
from tests.server.kit.outbox.sides import QUICK, Box, OtherSide, equals, history_of, until


class Dying(OtherSide):
    """Its relay dies after it has taken a batch, or before."""

    takes = False

    async def send(self, events: Sequence[Event]) -> None:
        if self.takes:
            await super().send(events)
        raise asyncio.CancelledError


class DeletesFirst(Sending):
    """The wrong order, for comparison."""

    async def _attempt(self, part: Sequence[Delivery]) -> Exception | None:
        await self._deliveries.acknowledge(part)
        return await super()._attempt(part)


async def arrived_after_a_death(box: Box, relay: Relay, dying: Dying) -> list[bytes]:
    """What two destinations of one name have seen when a second relay has taken over."""
    await box.append(history_of("a", 3))
    with pytest.raises(asyncio.CancelledError):
        await relay.send_batch()
    successor = OtherSide()
    async with box.relaying(successor):
        await until(lambda: equals(box.pending, 0))
    return dying.payloads + successor.payloads


async def test_a_relay_that_dies_before_it_has_sent_loses_nothing(box: Box) -> None:
    dying = Dying()
    relay = await box.relay(dying)
    assert await arrived_after_a_death(box, relay, dying) == [b"a1", b"a2", b"a3"]


async def test_a_relay_that_dies_after_it_has_sent_repeats_and_loses_nothing(box: Box) -> None:
    dying = Dying()
    dying.takes = True
    relay = await box.relay(dying)
    assert await arrived_after_a_death(box, relay, dying) == 2 * [b"a1", b"a2", b"a3"]


async def test_these_tests_would_notice_a_relay_that_forgets_before_it_sends(box: Box) -> None:
    dying = Dying()
    relay = await box.relay(dying)
    sending = relay._sending
    relay._sending = DeletesFirst(sending._deliveries, dying, sending._metrics, QUICK)
    assert await arrived_after_a_death(box, relay, dying) == []


async def test_a_killed_process_leaves_its_events_to_the_next(box: Box, tmp_path: Path) -> None:
    file = tmp_path / "arrived"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.server.kit.outbox.relay_process"),
        *(box.settings.database_url, str(file), "3"),
    )
    successor = OtherSide()
    await box.relay(successor)
    await box.append(history_of("a", 12))
    assert await process.wait() == -signal.SIGKILL
    taken = file.read_bytes().split()
    assert taken == [b"a%d" % version for version in range(1, 10)]
    # Its lease has an hour to go, which no test can wait for.
    await box.pool.execute("UPDATE outbox_destinations SET lease_until = now()")
    async with box.relaying(successor):
        await until(lambda: equals(box.pending, 0))
    assert successor.payloads == [b"a%d" % version for version in range(7, 13)]

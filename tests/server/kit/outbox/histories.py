"""A shop's outbox on any days, bad ones among them, and what each destination may see of it."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from hypothesis import strategies as st
from uuid_utils import uuid7

from server.kit import outbox
from server.kit.backoff import Backoff
from server.kit.outbox import Away, Event
from server.kit.outbox.deliveries import LeaseLost
from server.kit.outbox.relay import Relay
from server.kit.outbox.sending import Failing
from server.kit.outbox.trimming import Trimming
from server.kit.postgres import Connection
from tests.server.kit.outbox.sides import QUICK, Box, OtherSide, event_of

PACE = replace(QUICK, batch_max=4, attempts_max=2, lease=3_600.0, backoff=Backoff(0.0, 0.0))
AGGREGATES = 3
VERSIONS = 4  # that come at once, or are refused


class Mood(Enum):
    """How a destination and the relay that sends to it are."""

    WELL = auto()
    AWAY = auto()
    BROKEN = auto()
    RELAY_DIES_BEFORE = auto()
    RELAY_DIES_AFTER = auto()


class RelayDied(BaseException):
    """Not an `Exception`, so that the relay's code cannot handle it."""


@dataclass
class Step:
    """What happens next; each kind takes of the numbers what it needs."""

    kind: str
    aggregate: int
    number: int
    destination: int
    relay: int
    mood: Mood


# Normal steps are the most frequent, so that failures meet a system in use.
KINDS = (
    *("append", "append", "append", "send", "send", "send", "send", "send", "send"),
    *("open", "commit", "roll_back", "refuse", "fail", "repair", "replay", "skip", "skip"),
    *("lease_ends", "trim"),
)
MOODS = (*[Mood.WELL] * 6, *Mood)
HISTORIES = st.lists(
    st.builds(
        Step,
        kind=st.sampled_from(KINDS),
        aggregate=st.integers(0, AGGREGATES - 1),
        number=st.integers(1, VERSIONS),
        destination=st.integers(0, 1),
        relay=st.sampled_from([0, 0, 0, 1]),
        mood=st.sampled_from(MOODS),
    ),
    min_size=40,
    max_size=100,
)


@dataclass
class Witness(OtherSide):
    """A destination that checks that no version of an aggregate arrives early."""

    mood: Mood = Mood.WELL
    skipped: set[str] = field(default_factory=set)  # events that an operator has dropped
    seen: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))

    async def send(self, events: Sequence[Event]) -> None:
        if self.mood is Mood.RELAY_DIES_BEFORE:
            raise RelayDied
        self.is_away, self.is_broken = self.mood is Mood.AWAY, self.mood is Mood.BROKEN
        await super().send(events)
        for event in events:
            self._see(event)
        if self.mood is Mood.RELAY_DIES_AFTER:
            raise RelayDied

    def _see(self, event: Event) -> None:
        seen = self.seen[event.aggregate_id]
        if event not in seen:
            seen.append(event)


@dataclass
class Aggregate:
    """What has become of one thing."""

    name: str
    id: str = field(default_factory=lambda: str(uuid7()))
    events: list[Event] = field(default_factory=list)  # those that are committed
    uncommitted: list[Event] = field(default_factory=list)
    connection: Connection | None = None  # that holds the lock on it
    lent: AsyncExitStack = field(default_factory=AsyncExitStack)  # gives it back

    def more(self, count: int) -> list[Event]:
        after = len(self.events) + 1
        return [
            event_of(f"{self.name}{version}".encode(), self.id, version)
            for version in range(after, after + count)
        ]


class Shop:
    """Lives through a history."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self.sides = (Witness("near"), Witness("far"))
        self.aggregates = [Aggregate(chr(ord("a") + number)) for number in range(AGGREGATES)]
        self._relays: dict[tuple[int, int], Relay] = {}
        self._trimming = Trimming(box.pool, batch_max=3)

    async def open(self) -> None:
        await self._box.empty()
        for destination in (0, 1):
            for number in (0, 1):
                await self._new_relay(destination, number)

    async def _new_relay(self, destination: int, number: int) -> None:
        self._relays[destination, number] = await self._box.relay(self.sides[destination], PACE)

    async def close(self) -> None:
        """Leaves no transaction open, however far it came."""
        for aggregate in self.aggregates:
            await self._close(aggregate, keep=False)

    async def live(self, history: Sequence[Step]) -> None:
        for step in history:
            await getattr(self, f"_{step.kind}")(step)

    async def end_well(self) -> None:
        """Everything is repaired, and every event arrives or the test ends at its timeout."""
        for aggregate in self.aggregates:
            await self._close(aggregate, keep=True)
        for side in self.sides:
            side.mood = Mood.WELL
            side.refuses.clear()
            side.fails_at.clear()
        await outbox.replay(self._box.pool)
        while await self._box.pending():
            await self._lease_ends()
            for destination in (0, 1):
                await self._run(destination, 0)
        for _ in range(sum(len(aggregate.events) for aggregate in self.aggregates)):
            await self._trimming.trim()

    async def _append(self, step: Step) -> None:
        aggregate = self.aggregates[step.aggregate]
        if aggregate.connection is None:
            events = aggregate.more(step.number)
            await self._box.append(events)
            aggregate.events += events

    async def _open(self, step: Step) -> None:
        aggregate = self.aggregates[step.aggregate]
        if aggregate.connection is None:
            loan = self._box.pool.acquire()
            aggregate.connection = await aggregate.lent.enter_async_context(loan)
            await aggregate.connection.execute("BEGIN")
            aggregate.uncommitted = aggregate.more(step.number)
            await self._box.append(aggregate.uncommitted, aggregate.connection)

    async def _commit(self, step: Step) -> None:
        await self._close(self.aggregates[step.aggregate], keep=True)

    async def _roll_back(self, step: Step) -> None:
        await self._close(self.aggregates[step.aggregate], keep=False)

    async def _close(self, aggregate: Aggregate, *, keep: bool) -> None:
        if aggregate.connection is not None:
            await aggregate.connection.execute("COMMIT" if keep else "ROLLBACK")
            await aggregate.lent.aclose()
            aggregate.events += aggregate.uncommitted if keep else []
            aggregate.connection = None

    async def _send(self, step: Step) -> None:
        self.sides[step.destination].mood = step.mood
        try:
            await self._run(step.destination, step.relay)
        except RelayDied:
            await self._new_relay(step.destination, step.relay)

    async def _run(self, destination: int, number: int) -> None:
        with suppress(Away, Failing, LeaseLost):
            await self._relays[destination, number].send_batch()

    async def _refuse(self, step: Step) -> None:
        self.sides[step.destination].refuses.add(self._payload(step))

    async def _fail(self, step: Step) -> None:
        self.sides[step.destination].fails_at.add(self._payload(step))

    async def _repair(self, step: Step) -> None:
        self.sides[step.destination].refuses.discard(self._payload(step))
        self.sides[step.destination].fails_at.discard(self._payload(step))

    def _payload(self, step: Step) -> bytes:
        return f"{self.aggregates[step.aggregate].name}{step.number}".encode()

    async def _lease_ends(self, _: Step | None = None) -> None:
        await self._box.pool.execute("UPDATE outbox_destinations SET lease_until = now()")

    async def _replay(self, _: Step) -> None:
        await outbox.replay(self._box.pool)

    async def _skip(self, step: Step) -> None:
        side = self.sides[step.destination]
        for letter in (await outbox.list_dead_letters(self._box.pool, side.name))[:1]:
            assert await outbox.skip(self._box.pool, side.name, letter.event_id)
            side.skipped.add(letter.event_id)

    async def _trim(self, _: Step) -> None:
        await self._trimming.trim()

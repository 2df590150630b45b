"""REST calls that are made when they are due, answered or not what came before: an open loop.

Users do not wait for one another, so an overload does not slow them down. Nor do these give a call
up: what the edge has taken, it has to answer.
"""

import asyncio
import itertools
import struct
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache

import hpack

from tests.bench.frames import DATA, END_HEADERS, END_STREAM, HEADERS, RESET, Client, frame, head
from tests.bench.h2load import LoadFailed

IN_TIME_SECONDS = 1.0
_STREAMS_MAX = 100  # on one connection, as the edge has it
_TICK_SECONDS = 0.005
_BEHIND_SECONDS_MAX = 0.25
_CUT = 0  # the status of a call that has none: it was reset, or its connection was lost
# SETTINGS_HEADER_TABLE_SIZE: each answer's headers can then be read by themselves.
_NO_TABLE = struct.pack(">HI", 1, 0)


@dataclass(frozen=True)
class Call:
    """A call as it stands on the wire."""

    head: bytes
    body: bytes = b""


def call(verb: str, path: str, token: str = "", body: bytes = b"") -> Call:
    """A call by REST; `token` is a whole `authorization` header, `body` JSON."""
    fields = [(":method", verb), (":scheme", "http"), (":path", path), (":authority", "127.0.0.1")]
    if token:
        fields.append(("authorization", token))
    if body:
        fields.append(("content-type", "application/json"))
    return Call(head(*fields), body)


@dataclass(frozen=True)
class Answer:
    """What came of a call."""

    due: float  # by `time.perf_counter`
    took: float  # seconds from then
    status: int

    @property
    def is_good(self) -> bool:
        """Whether it is what its caller came for."""
        return 200 <= self.status < 300


@dataclass
class Phase:
    """The calls that were due within so many seconds."""

    seconds: float
    due: int = 0
    unsent: int = 0  # no connection could take one more
    answers: list[Answer] = field(default_factory=list)
    complete: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def goodput(self) -> float:
        """Calls a second that were answered well and in time."""
        in_time = [each for each in self.answers if each.is_good and each.took <= IN_TIME_SECONDS]
        return len(in_time) / self.seconds

    def share(self, status: int) -> float:
        """How many of the calls were answered so."""
        return sum(each.status == status for each in self.answers) / self.due

    def quantile(self, share: float) -> float:
        """Within how many seconds so many of the good answers came."""
        took = sorted(each.took for each in self.answers if each.is_good)
        return took[min(len(took) - 1, int(share * len(took)))] if took else float("inf")


class Callers:
    """Connections to the edge over which calls are made, in turn."""

    def __init__(self, lines: Sequence["_Line"]) -> None:
        self._lines = lines
        self._turns = itertools.cycle(lines)

    async def offer(self, calls: Callable[[], Call], rate: float, seconds: float) -> Phase:
        """Makes `rate` calls a second, and waits for answers while they can be in time.

        Raises `LoadFailed` where the calls themselves were late.
        """
        phase = Phase(seconds)
        began = time.perf_counter()
        while phase.due < round(rate * seconds):
            passed = time.perf_counter() - began
            if passed - phase.due / rate > _BEHIND_SECONDS_MAX:
                raise LoadFailed(f"{rate:.0f} calls a second are more than can be made here")
            while phase.due < min(passed, seconds) * rate:
                self._make(calls(), began + phase.due / rate, phase)
            await asyncio.sleep(_TICK_SECONDS)
        with suppress(TimeoutError):
            await asyncio.wait_for(phase.complete.wait(), IN_TIME_SECONDS)
        return phase

    async def keep_busy(self, calls: Callable[[], Call], at_once: int, seconds: float) -> Phase:
        """Has so many calls under way all the time."""
        phase = Phase(seconds)
        until = time.perf_counter() + seconds

        def again() -> None:
            if (now := time.perf_counter()) < until:
                self._make(calls(), now, phase, again)

        for _ in range(at_once):
            again()
        await phase.complete.wait()
        return phase

    async def at_rest(self) -> None:
        """Returns when everything is answered."""
        for line in self._lines:
            await line.at_rest.wait()

    def _make(
        self, made: Call, due: float, phase: Phase, then: Callable[[], None] | None = None
    ) -> None:
        def answered(status: int) -> None:
            phase.answers.append(Answer(due, time.perf_counter() - due, status))
            if then:
                then()
            if len(phase.answers) + phase.unsent == phase.due:
                phase.complete.set()

        phase.due += 1
        phase.complete.clear()
        for line in itertools.islice(self._turns, len(self._lines)):
            if line.has_room:
                return line.send(made, answered)
        phase.unsent += 1
        return None


@asynccontextmanager
async def connected(port: int, connections: int) -> AsyncIterator[Callers]:
    """So many connections to the edge on `port`."""
    loop = asyncio.get_running_loop()
    made = [await loop.create_connection(_Line, "127.0.0.1", port) for _ in range(connections)]
    try:
        yield Callers([line for _, line in made])
    finally:
        for _, line in made:
            line.close()


class _Line(Client):
    """One connection."""

    def __init__(self) -> None:
        super().__init__(_NO_TABLE)
        self._under_way: dict[int, Callable[[int], None]] = {}
        self._statuses: dict[int, int] = {}
        self._stream = -1  # the last one opened; a client's are odd
        self.at_rest = asyncio.Event()
        self.at_rest.set()

    @property
    def has_room(self) -> bool:
        return len(self._under_way) < _STREAMS_MAX and not self._transport.is_closing()

    def send(self, made: Call, answered: Callable[[int], None]) -> None:
        self._stream += 2
        self._under_way[self._stream] = answered
        self.at_rest.clear()
        if made.body:
            self.write(
                frame(HEADERS, END_HEADERS, self._stream, made.head)
                + frame(DATA, END_STREAM, self._stream, made.body)
            )
        else:
            self.write(frame(HEADERS, END_HEADERS | END_STREAM, self._stream, made.head))

    def take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == HEADERS and stream in self._under_way and stream not in self._statuses:
            self._statuses[stream] = _status(payload)
        if kind == RESET or (kind in (DATA, HEADERS) and flags & END_STREAM):
            self._ended(stream)

    def connection_lost(self, error: Exception | None) -> None:
        for stream in [*self._under_way]:
            self._ended(stream)

    def _ended(self, stream: int) -> None:
        status = self._statuses.pop(stream, _CUT)
        if answered := self._under_way.pop(stream, None):
            answered(status)
        if not self._under_way:
            self.at_rest.set()


def _status(block: bytes) -> int:
    """The status comes first, behind what is said of the size of the table."""
    at = 0
    while block[at] & 0xE0 == 0x20:
        at += 1
    return _decoded(block[at : at + 1] if block[at] & 0x80 else block[at : at + 5])


@lru_cache
def _decoded(field_line: bytes) -> int:
    if not field_line[0] & 0x80:
        field_line = field_line[: 2 + (field_line[1] & 0x7F)]  # index of the name, length, text
    ((_, status),) = hpack.Decoder().decode(field_line)
    return int(status)

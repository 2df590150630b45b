"""Sends many different gRPC calls as fast as they are answered, or at a given rate.

h2load repeats one body, which an idempotent create answers from memory, and asks for one row only.
So it is good for GETs by URL alone.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Mapping, Sequence

from tests.bench.compare import Measure, Run, run_of
from tests.bench.h2load import CONNECTIONS, STREAMS, LoadFailed
from tests.bench.http2 import Connection, Target, connected
from tests.bench.machine import cpu_by_name, loading

_TIMEOUT_SECONDS = 120.0
_TICK_SECONDS = 0.005


def measured(
    target: Target,
    messages: Callable[[], Sequence[bytes]],
    pids: Mapping[str, int],
    *,
    postgres: int | None = None,
    streams: int = STREAMS,
) -> Measure:
    """Floods `target` with `messages`, which may be new each time, and counts the CPU of `pids`.

    With `postgres`, the pid of its first process, what it spends on its clients counts as well.
    `streams` are under way on each connection.
    """

    async def run() -> Run:
        sent = messages()
        before = cpu_by_name(pids, postgres)
        seconds = await flood(target, sent, streams=streams)
        return run_of(len(sent), seconds, before, cpu_by_name(pids, postgres))

    return run


async def flood(
    target: Target,
    messages: Sequence[bytes],
    rate: float | None = None,
    *,
    streams: int = STREAMS,
) -> float:
    """Calls `target` once with each message; gives the seconds that it took.

    At most `CONNECTIONS * streams` are under way at a time, unless a `rate` a second is given:
    then each is sent when its time has come. Raises `LoadFailed` when a call fails.
    """
    with loading():
        return await _flood(target, messages, rate, streams)


async def latencies(target: Target, messages: Sequence[bytes]) -> list[float]:
    """Calls `target` with each message, one after the other; gives how long each took, in seconds.

    Raises `LoadFailed` when a call fails.
    """
    with loading():
        work = _Timed(messages, asyncio.get_running_loop().create_future())
        connection = await connected(target, work)
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                work.began = time.perf_counter()
                connection.send_next()
                await work.done
        finally:
            work.done.cancel()
            connection.close()
    return work.took


async def _flood(
    target: Target, messages: Sequence[bytes], rate: float | None, streams: int
) -> float:
    work = _Work(messages, asyncio.get_running_loop().create_future())
    connections = [await connected(target, work) for _ in range(CONNECTIONS)]
    began = time.perf_counter()
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            if rate is None:
                for connection in connections * streams:
                    connection.send_next()
            else:
                await _paced(work, connections, rate)
            await work.done
    finally:
        work.done.cancel()
        for connection in connections:
            connection.close()
    return time.perf_counter() - began


async def _paced(work: "_Work", connections: list[Connection], rate: float) -> None:
    """Sends what is due and sleeps: here time itself is what is waited for."""
    work.refills = False
    began = time.perf_counter()
    turns = itertools.cycle(connections)
    sent = 0
    while sent < work.count and not work.done.done():
        while sent < min(work.count, (time.perf_counter() - began) * rate):
            next(turns).send_next()
            sent += 1
        await asyncio.sleep(_TICK_SECONDS)


class _Work:
    """The messages still to be sent, and how many are still to be answered."""

    def __init__(self, messages: Sequence[bytes], done: "asyncio.Future[None]") -> None:
        self.count = self._unanswered = len(messages)
        self.left = iter(messages)
        self.done = done
        self.refills = True  # whether an answer makes room for the next call

    def answered(self) -> None:
        self._unanswered -= 1
        if not self._unanswered and not self.done.done():
            self.done.set_result(None)

    def failed(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(LoadFailed(why))


class _Timed(_Work):
    """Calls that are made one after the other."""

    def __init__(self, messages: Sequence[bytes], done: "asyncio.Future[None]") -> None:
        super().__init__(messages, done)
        self.began = 0.0
        self.took: list[float] = []

    def answered(self) -> None:
        now = time.perf_counter()
        self.took.append(now - self.began)
        self.began = now
        super().answered()

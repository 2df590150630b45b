"""Gathers records and stores them in batches, beside the calls.

A record waits for some hundredths of a second, and when the database is away until it is back:
`records_max` of them whole. What comes beyond that loses its details and keeps its number: it is
counted by rpc and outcome, so nothing is lost without a trace, and memory has an end. A process
that is killed loses what waited; one that is asked to stop stores it first.

Calls are described many in a row: between two calls the processor has forgotten how that goes.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import cache

import structlog
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge

from server.kit import background
from server.kit.audit.floods import Floods
from server.kit.audit.record import AuditRecord
from server.kit.audit.sink import Describe
from server.kit.background import Job

BATCH_MAX = 500
"""As many as a batch may have on its way to the user service."""

WINDOW_SECONDS = 5.0
_KINDS_MAX = 10_000
_RECORDS_MAX = 10_000  # some 5 MB
_DESCRIBED_TOGETHER = 16  # calls, whose messages stay in memory until then
_GATHER_SECONDS = 0.05
_GRACE_SECONDS = 3.0

Append = Callable[[Sequence[AuditRecord]], Awaitable[None]]
"""Stores records, all or none; one that is stored already, by its id, stays as it is."""

_log = structlog.get_logger()


class AuditWriter:
    """Stores what it is given by `append`, for as long as `run` is at work."""

    def __init__(
        self,
        append: Append,
        *,
        window_seconds: float = WINDOW_SECONDS,
        records_max: int = _RECORDS_MAX,
        clock: Callable[[], float] = time.monotonic,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._append = append
        self._floods = Floods(window_seconds, _KINDS_MAX, clock)
        self._records_max = records_max
        self._metrics = _metrics(registry)
        self._ended: deque[Describe] = deque()  # calls that are not described yet
        self._waiting: list[AuditRecord] = []
        self._without_details: dict[tuple[str, ...], AuditRecord] = {}
        self._woken = asyncio.Event()
        self._stopping = asyncio.Event()

    def add(self, describe: Describe) -> None:
        """Stores a call's record soon, by itself or counted together with others of its kind."""
        self._ended.append(describe)
        if len(self._ended) >= _DESCRIBED_TOGETHER:
            self._describe()
        self._woken.set()

    def put(self, record: AuditRecord) -> None:
        """Stores `record` soon, and by itself."""
        if len(self._waiting) < self._records_max:
            self._waiting.append(record)
            self._metrics.waiting.set(len(self._waiting))
        else:
            self._count(record)
        self._woken.set()

    @property
    def unwritten(self) -> int:
        """How many calls' records wait."""
        self._describe()
        waiting = (*self._waiting, *self._without_details.values())
        return sum(record.count for record in waiting)

    def stop(self) -> None:
        """Lets `run` store what there is, and end."""
        self._stopping.set()
        self._woken.set()

    async def run(self) -> None:
        """Stores until `stop`. Raises what `append` does; nothing is lost by that."""
        while not self._stopping.is_set():
            await _first(self._woken, self._floods.seconds_left)
            if self._woken.is_set():
                await _first(self._stopping, _GATHER_SECONDS)
            self._woken.clear()
            await self.flush()
        await self.flush()

    async def flush(self) -> None:
        """Stores what waits now. Not while `run` is at work."""
        self._describe()
        for record in self._floods.ended(all_of_them=self._stopping.is_set()):
            self.put(record)
        while self._waiting:
            batch = self._waiting[:BATCH_MAX]
            await self._append(batch)
            del self._waiting[: len(batch)]
            self._metrics.written.inc(len(batch))
            self._metrics.waiting.set(len(self._waiting))
        if counted := [*self._without_details.values()]:
            self._without_details.clear()
            self._waiting += counted  # there is room again
            await self.flush()

    def _describe(self) -> None:
        while self._ended:
            try:
                record = self._ended.popleft()()
            except Exception as error:  # noqa: BLE001 - a defect, but not of the call under way
                _log.error("audit.undescribed", exc_info=error)
                continue
            if record and not self._floods.takes(record):
                self.put(record)

    def _count(self, record: AuditRecord) -> None:
        self._metrics.without_details.inc(record.count)
        if not self._without_details:
            _log.error("audit.full", waiting=len(self._waiting))
        bare = record.without_details()
        counted = self._without_details.get(bare.kind)
        self._without_details[bare.kind] = counted.with_another(bare) if counted else bare


@asynccontextmanager
async def writing(writer: AuditWriter, name: str = "audit_log") -> AsyncIterator[AuditWriter]:
    """`writer` at work while the block runs; on leaving it has some seconds to store the rest."""
    try:
        async with background.running(
            Job(name, writer.run, stop=writer.stop, grace_seconds=_GRACE_SECONDS)
        ):
            yield writer
    finally:
        if writer.unwritten:
            _log.error("audit.lost", calls=writer.unwritten)


async def _first(event: asyncio.Event, seconds: float | None) -> None:
    """Returns when `event` is set, or after `seconds`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


class _Metrics:
    """What operators see of the records of a process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.written = Counter(
            "audit_records_total", "Audit records that were stored.", registry=registry
        )
        self.waiting = Gauge(
            "audit_records_waiting", "Audit records that are not stored yet.", registry=registry
        )
        self.without_details = Counter(
            "audit_calls_without_details_total",
            "Calls of which the audit log has no more than the number, for want of room.",
            registry=registry,
        )


@cache
def _metrics(registry: CollectorRegistry) -> _Metrics:
    """The same for all writers of a process: a registry takes them once."""
    return _Metrics(registry)

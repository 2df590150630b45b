"""Readiness by `grpc.health.v1`, following the databases down and up.

`""` and each service's full name say SERVING while every probe succeeds. Envoy, Kubernetes and
`emporium up` watch it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import structlog
from grpc_health.v1 import health, health_pb2

from server.kit import background
from server.kit.background import Job

Probe = Callable[[], Awaitable[None]]

_PROBE_INTERVAL_SECONDS = 0.5
_PROBE_TIMEOUT_SECONDS = 1.0

_log = structlog.get_logger()


class Health:
    """What the health service answers, and why."""

    def __init__(self, services: Sequence[str], probes: Mapping[str, Probe]) -> None:
        self.servicer = health.aio.HealthServicer()
        self._services = ("", *services)
        self._probes = probes
        self._away: dict[str, str] | None = None  # what failed last time; None before the first

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Probes once, then again and again until the block ends."""
        await self.probe()
        async with background.running(Job("health", self._follow)):
            yield

    async def probe(self) -> None:
        """Runs every probe, and publishes what they say if it is news."""
        results = await asyncio.gather(*(self._run(probe) for probe in self._probes.values()))
        away = {name: error for name, error in zip(self._probes, results, strict=True) if error}
        if self._away is not None and away.keys() == self._away.keys():
            return
        status = (
            health_pb2.HealthCheckResponse.NOT_SERVING
            if away
            else health_pb2.HealthCheckResponse.SERVING
        )
        for service in self._services:
            await self.servicer.set(service, status)
        _log.info("health", status="NOT_SERVING" if away else "SERVING", away=away or None)
        self._away = away

    async def _run(self, probe: Probe) -> str:
        """What is wrong, if anything. Whatever a probe raises means the same: not ready."""
        asked = asyncio.ensure_future(probe())
        try:
            await asyncio.wait({asked}, timeout=_PROBE_TIMEOUT_SECONDS)
        finally:
            # Not awaited: a driver whose server hangs takes its time to hear that it is cancelled.
            asked.cancel()
        if not asked.done() or asked.cancelled():
            return f"no answer within {_PROBE_TIMEOUT_SECONDS} s"
        error = asked.exception()
        return f"{type(error).__name__}: {error}" if error else ""

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(_PROBE_INTERVAL_SECONDS)
            await self.probe()

"""Readiness by `grpc.health.v1`, following the databases down and up.

`""` and each service's full name say SERVING while every probe succeeds. Envoy and Kubernetes ask
again and again, `emporium up` watches.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc

from server.kit import background
from server.kit.background import Job
from server.kit.telemetry import brief

Probe = Callable[[], Awaitable[None]]
Engine = grpc.aio.ServicerContext[Any, Any]

_PROBE_INTERVAL_SECONDS = 0.5
_PROBE_TIMEOUT_SECONDS = 1.0

_SERVING, _NOT_SERVING, _UNKNOWN = (
    health_pb2.HealthCheckResponse(status=status)
    for status in (
        health_pb2.HealthCheckResponse.SERVING,
        health_pb2.HealthCheckResponse.NOT_SERVING,
        health_pb2.HealthCheckResponse.SERVICE_UNKNOWN,
    )
)

_log = structlog.get_logger()


class HealthServicer(health_pb2_grpc.HealthServicer):
    """Answers `grpc.health.v1.Health`: the same status for every name that it knows.

    The library's own servicer forgets all watchers of a name as soon as one of them leaves, and
    keeps the others for as long as they stay, which holds up a process that wants to stop.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._statuses = dict.fromkeys(names, _NOT_SERVING)
        self._is_closed = False
        self._changed = asyncio.Event()  # replaced at each change

    async def Check(  # noqa: N802 - the rpc's name
        self, request: health_pb2.HealthCheckRequest, context: Engine
    ) -> health_pb2.HealthCheckResponse:
        """The status now. An unknown name is NOT_FOUND."""
        if request.service not in self._statuses:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no service of that name here")
        return self._statuses[request.service]

    async def Watch(  # noqa: N802 - the rpc's name
        self, request: health_pb2.HealthCheckRequest, context: Engine
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """The status now and whenever it changes, until the process stops."""
        told = None
        while True:
            # Both are taken first, so that nothing that happens during a yield is lost.
            changed, is_last = self._changed, self._is_closed
            status = self._statuses.get(request.service, _UNKNOWN)
            if status is not told:
                told = status
                yield status
            if is_last:
                return
            await changed.wait()

    def set(self, *, is_serving: bool) -> None:
        """Changes the status of every name."""
        self._statuses = dict.fromkeys(self._statuses, _SERVING if is_serving else _NOT_SERVING)
        self._wake()

    def close(self) -> None:
        """Ends every Watch, once it has told the last status."""
        self._is_closed = True
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Health:
    """What the health service answers, and why."""

    def __init__(self, services: Sequence[str], probes: Mapping[str, Probe]) -> None:
        self.servicer = HealthServicer(("", *services))
        self._probes = probes
        self._away: dict[str, str] | None = None  # what failed last time; None before the first

    def register(self, server: Any) -> None:
        """Adds the health service to a `grpc.aio.Server`, or to what stands in for it."""
        health_pb2_grpc.add_HealthServicer_to_server(self.servicer, server)

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Probes once, then again and again until the block ends."""
        await self.probe()
        async with background.running(Job("health", self._follow)):
            yield

    async def probe(self) -> None:
        """Runs every probe, and publishes the result if it has changed."""
        results = await asyncio.gather(*(self._run(probe) for probe in self._probes.values()))
        away = {name: error for name, error in zip(self._probes, results, strict=True) if error}
        if self._away is not None and away.keys() == self._away.keys():
            return
        self.servicer.set(is_serving=not away)
        _log.info("health", status="NOT_SERVING" if away else "SERVING", away=away or None)
        self._away = away

    async def _run(self, probe: Probe) -> str:
        """What is wrong; empty for nothing. Whatever a probe raises means that it is not ready."""
        asked = asyncio.ensure_future(probe())
        try:
            await asyncio.wait({asked}, timeout=_PROBE_TIMEOUT_SECONDS)
        finally:
            # Not awaited: a driver whose server hangs may take long to react to the cancellation.
            asked.cancel()
        if not asked.done() or asked.cancelled():
            return f"no answer within {_PROBE_TIMEOUT_SECONDS} s"
        error = asked.exception()
        return brief(error) if error else ""

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(_PROBE_INTERVAL_SECONDS)
            await self.probe()

"""More processes of a cluster's service, with ports of their own, that a test may kill."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from server.local.cluster import Cluster
from server.local.home.ports import free_ports
from tests.waiting import until

_CHECK_SECONDS = 1.0


@dataclass
class Replica:
    """A process of a service beside those of the cluster."""

    service: str
    port: int
    environment: Mapping[str, str]
    log: Path
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Starts it; returns when it serves."""
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "server", self.service),
                env=self.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        await until(self._is_serving)

    async def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Ends it by a signal, and waits until it is gone."""
        assert self.process
        self.process.send_signal(number)
        await self.process.wait()

    async def _is_serving(self) -> bool:
        assert self.process
        assert self.process.returncode is None, self.log.read_text("utf-8")
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            health: Any = health_pb2_grpc.HealthStub(channel)
            try:
                answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=_CHECK_SECONDS)
            except grpc.aio.AioRpcError:
                return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


@asynccontextmanager
async def replica(
    cluster: Cluster, service: str, log: Path, **settings: str
) -> AsyncIterator[Replica]:
    """One more process of `service`, on the cluster's databases; ended with the block."""
    pid = next(each.pid for each in cluster.record.processes if each.name == service)
    content = await asyncio.to_thread(Path(f"/proc/{pid}/environ").read_text, "utf-8")
    environment = dict(line.split("=", 1) for line in content.split("\0") if line)
    (port,) = free_ports(1)
    environment |= {"GRPC_PORT": str(port), "METRICS_PORT": "0", "DRAIN_SECONDS": "0", **settings}
    made = Replica(service, port, environment, log)
    await made.start()
    try:
        yield made
    finally:
        assert made.process
        if made.process.returncode is None:
            await made.end(signal.SIGTERM)

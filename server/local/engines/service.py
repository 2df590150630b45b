"""A service as a child process."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from server.local.errors import LocalError
from server.local.process.child import Child

CHECKOUT = Path(__file__).parents[3]  # the folder of the package `server`
# Workers share a port, so a connection to it may reach any of them. Only the kernel knows which
# process listens, and it offers no event for it.
LISTEN_POLL_SECONDS = 0.02
READY_TIMEOUT_SECONDS = 60.0
CHECK_TIMEOUT_SECONDS = 2.0
# The service already listens when it is asked; these bound the first attempt to connect.
CHANNEL_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.use_local_subchannel_pool", 1),
)


class ServiceProcess:
    """One process of a service. `environment` holds what `server/settings.py` reads."""

    def __init__(
        self, service: str, name: str, log_file: Path, port: int, environment: Mapping[str, str]
    ) -> None:
        self._port = port
        self.child = Child(
            name=name,
            command=[sys.executable, "-m", "server", service],
            log_file=log_file,
            environment=environment,
            folder=CHECKOUT,
        )

    async def start(self) -> None:
        """Starts it, and returns when its health is SERVING."""
        await self.child.start()
        try:
            async with asyncio.timeout(READY_TIMEOUT_SECONDS):
                await self._until_it_listens()
                await self.child.while_running(until_serving(self._port))
        except TimeoutError as error:
            await self.child.stop()
            raise self.child.not_ready(READY_TIMEOUT_SECONDS) from error

    async def stop(self) -> None:
        """Ends it; it drains first."""
        await self.child.stop()

    async def _until_it_listens(self) -> None:
        while not self._listens():
            self.child.require_running()
            await asyncio.sleep(LISTEN_POLL_SECONDS)

    def _listens(self) -> bool:
        try:
            connections = psutil.Process(self.child.pid).net_connections("tcp")
        except psutil.NoSuchProcess:
            return False
        wanted = (psutil.CONN_LISTEN, (self._port,))
        return any((each.status, each.laddr[1:]) == wanted for each in connections)


async def until_serving(port: int) -> None:
    """Watches the health of the server on `port` of 127.0.0.1 until it is SERVING."""
    # Imported late: gRPC takes a fifth of a second to load, in which the databases already start.
    import grpc
    from grpc_health.v1 import health_pb2

    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", CHANNEL_OPTIONS) as channel:
        watch = channel.unary_stream(
            "/grpc.health.v1.Health/Watch",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        while True:
            try:
                async for answer in watch(health_pb2.HealthCheckRequest(), wait_for_ready=True):
                    if answer.status == health_pb2.HealthCheckResponse.SERVING:
                        return
            except grpc.aio.AioRpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE:
                    raise LocalError(f"port {port} has no health service on it") from error


async def is_serving(address: str) -> bool:
    """Whether the health of the server at `address` (`host:port`) is SERVING now."""
    import grpc
    from grpc_health.v1 import health_pb2

    async with grpc.aio.insecure_channel(address, CHANNEL_OPTIONS) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            answer = await check(health_pb2.HealthCheckRequest(), timeout=CHECK_TIMEOUT_SECONDS)
        except grpc.aio.AioRpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

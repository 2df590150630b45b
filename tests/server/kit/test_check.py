"""The health check of containers."""

import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from server.kit.check import is_serving
from server.local.home.ports import free_ports

STATUSES = health_pb2.HealthCheckResponse


@pytest.mark.parametrize(
    ("status", "healthy"), [(STATUSES.SERVING, True), (STATUSES.NOT_SERVING, False)]
)
async def test_it_says_what_the_service_says(status: Any, healthy: bool) -> None:
    servicer = health.aio.HealthServicer()
    await servicer.set("", status)
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    assert await asyncio.to_thread(is_serving, "user", port) is healthy
    await server.stop(0)


async def test_nobody_there_is_not_healthy() -> None:
    assert not await asyncio.to_thread(is_serving, "user", free_ports(1)[0])

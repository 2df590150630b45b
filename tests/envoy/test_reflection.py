"""Reflection through the edge: for staff, of all that the edge offers, and for nobody else."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
import pytest_asyncio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.reflection_pb2 import (
    ServerReflectionRequest,
    ServerReflectionResponse,
)

from server.kit import auth, descriptors
from server.kit.call import reflection
from server.kit.call.foreign import ForeignServicers
from server.services import SERVICES
from tests.envoy.conftest import KEY, Edge, edge_before, signed
from tests.server.refusals import refused

GRPCURL = Path(sys.executable).with_name("grpcurl")
METHOD = "/grpc.reflection.%s.ServerReflection/ServerReflectionInfo"
USER_SERVICE = "emporium.user.v1.UserService"


class Port:
    """Where the edge finds all services."""

    def __init__(self, port: int) -> None:
        self.port = port


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def edge_of_module(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    foreign = ForeignServicers(())
    reflection.register(foreign, [USER_SERVICE], auth.Verifier(auth.jwks([KEY])))
    server.add_generic_rpc_handlers(await foreign.handlers())
    ready = health.aio.HealthServicer()
    await ready.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(ready, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with edge_before(Port(port), tmp_path_factory.mktemp("edge")) as running:
        yield running
    await server.stop(0)


@pytest.fixture
def running(edge_of_module: Edge) -> Edge:
    return edge_of_module


async def grpcurl(running: Edge, token: str, *arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(str(GRPCURL), "-plaintext", "-H", f"authorization: Bearer {token}"),
        *(f"localhost:{running.port}", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()


@pytest.mark.parametrize("role", ["STAFF", "ADMIN"])
async def test_grpcurl_of_staff_needs_no_file(running: Edge, role: str) -> None:
    token = signed(role=role)
    code, listed = await grpcurl(running, token, "list")
    assert code == 0, listed
    assert set(listed.split()) == {
        *descriptors.offered(),
        "grpc.reflection.v1alpha.ServerReflection",
    }
    assert {name.split(".")[1] for name in descriptors.offered()} == {s.name for s in SERVICES}
    rpc = "emporium.order.v1.OrderService.CreateOrder"
    code, described = await grpcurl(running, token, "describe", rpc)
    assert code == 0, described
    assert "rpc CreateOrder" in described


def test_what_is_for_services_alone_is_not_offered() -> None:
    assert "emporium.user.v1.UserService" in descriptors.offered()
    assert "emporium.user.v1.RevocationService" not in descriptors.offered()


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
@pytest.mark.parametrize(
    ("token", "code", "reason"),
    [
        (None, grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"),
        ("nonsense", grpc.StatusCode.UNAUTHENTICATED, "INVALID_TOKEN"),
        (signed(role="CUSTOMER"), grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED"),
        (
            signed(role="ADMIN", scope="orders.read"),
            grpc.StatusCode.PERMISSION_DENIED,
            "PERMISSION_DENIED",
        ),
    ],
)
async def test_nobody_else_is_told(
    running: Edge, version: str, token: str | None, code: grpc.StatusCode, reason: str
) -> None:
    async with running.grpc() as channel:
        answer = await refused(asked(channel, version, token))
    assert (answer.code, answer.reason) == (code, reason)


async def test_a_caller_cannot_say_to_come_by_another_door(running: Edge) -> None:
    async with running.grpc() as channel:
        metadata = [("x-emporium-door", "another")]
        answer = await refused(asked(channel, "v1", signed(), metadata))
        assert answer.code is grpc.StatusCode.PERMISSION_DENIED


def asked(
    channel: grpc.aio.Channel,
    version: str,
    token: str | None,
    metadata: list[tuple[str, str]] | None = None,
) -> Any:
    ask: Any = channel.stream_stream(
        METHOD % version,
        request_serializer=ServerReflectionRequest.SerializeToString,
        response_deserializer=ServerReflectionResponse.FromString,
    )
    sent = [*(metadata or ()), *([("authorization", f"Bearer {token}")] if token else ())]
    return ask(iter([ServerReflectionRequest(list_services="")]), metadata=sent, timeout=10)

"""The analytics service as a process of its own: starts, follows its database, stops."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from emporium import Emporium, Targets, Unavailable
from server.analytics.migrations import mongo as migrations
from server.kit import auth
from server.kit.context import Role
from server.local.engines.mongo import EmbeddedMongo
from server.local.home.ports import free_ports

TIMEOUT_SECONDS = 30.0
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Service:
    """`python -m server analytics`, and how to reach it."""

    def __init__(self, mongodb_uri: str, folder: Path) -> None:
        (self.port,) = free_ports(1)
        self.key = auth.new_key("user-1")
        own_key = auth.new_key("service:analytics-1")
        jwks, key_file = folder / "jwks.json", folder / "service-analytics.json"
        jwks.write_text(json.dumps(auth.jwks([auth.Signer(self.key, 600).public_key])))
        key_file.write_text(json.dumps(own_key))
        (folder / "secret.json").write_text(json.dumps({"secret": "s" * 43}))
        self.environment = {
            **os.environ,
            "GRPC_PORT": str(self.port),
            "METRICS_PORT": "0",
            "MONGODB_URI": mongodb_uri,
            "JWKS_FILE": str(jwks),
            "SERVICE_KEY_FILE": str(key_file),
            "SECRET_FILE": str(folder / "secret.json"),
            "NEIGHBOUR_TARGETS": "user=127.0.0.1:1",
            "DRAIN_SECONDS": "0.1",
        }

    async def start(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "server",
            "analytics",
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def until(self, status: int) -> None:
        """Returns when the service says that its health is `status`."""
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            health = health_pb2_grpc.HealthStub(channel)
            watch = health.Watch(  # type: ignore[attr-defined]  # missing in its types
                health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=TIMEOUT_SECONDS
            )
            async for answer in watch:
                if answer.status == status:
                    return

    def shop(self) -> Emporium:
        token = auth.Signer(self.key, 600).sign("01900000-0000-7000-8000-000000000000", Role.STAFF)
        return Emporium(Targets(analytics=f"127.0.0.1:{self.port}"), token=token)


@pytest_asyncio.fixture
async def own_mongo(engines_folder: Path) -> AsyncIterator[EmbeddedMongo]:
    """A MongoDB that may be killed."""
    async with EmbeddedMongo(engines_folder / "analytics-app") as running:
        await migrations.upgrade(running.uri)
        yield running


async def test_the_process_follows_its_database_down_and_up_and_stops_when_asked(
    own_mongo: EmbeddedMongo, tmp_path: Path
) -> None:
    service = Service(own_mongo.uri, tmp_path)
    process = await service.start()
    await service.until(SERVING)
    async with service.shop() as shop:
        first = await shop.events.record("product.viewed")
        own_mongo.child.send(signal.SIGKILL)
        await own_mongo.child.wait()
        with pytest.raises(Unavailable) as raised:
            await shop.events.record("product.viewed", idempotency_key=first.id)
        assert raised.value.retry_after_seconds

        await service.until(NOT_SERVING)
        await own_mongo.start()
        await service.until(SERVING)
        again = await shop.events.record("product.viewed", idempotency_key=first.id)
        assert again == first

    process.send_signal(signal.SIGTERM)
    output, complaint = await process.communicate()
    assert (process.returncode, complaint) == (0, b"")
    lines = [json.loads(line) for line in output.splitlines()]
    assert lines[-1]["event"] == "stopped"


async def test_an_address_that_cannot_be_is_told_in_one_line(tmp_path: Path) -> None:
    process = await Service("mongodb://ann:s3cret@host:port/", tmp_path).start()
    _, complaint = await process.communicate()
    assert process.returncode == 1
    said = complaint.decode()
    assert said.startswith("emporium: MONGODB_URI cannot be read")
    assert said.count("\n") == 1
    assert "s3cret" not in said


@pytest.mark.parametrize("module", ["alembic", "asyncpg", "motor", "sqlalchemy", "typer"])
async def test_the_service_leaves_at_home_what_it_does_not_need(module: str) -> None:
    check = f"import server.analytics.app, sys; sys.exit({module!r} in sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", check)
    assert await process.wait() == 0

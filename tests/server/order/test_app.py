"""The order service as a process of its own: starts, serves, tells analytics, stops."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from emporium import DomainEvent, Emporium, OrderLine, Targets
from emporium.analytics.v1 import domain_event_service_pb2 as analytics_pb
from server.kit import auth
from server.kit.context import Role
from server.kit.postgres import migrate
from server.local.engines.postgres import EmbeddedPostgres
from server.local.home.ports import free_ports
from server.services import ORDER
from server.settings import Postgres
from tests.server.conftest import NewDatabase
from tests.server.fake_feed import quiet_feed
from tests.server.order.samples import new_id

READY_SECONDS = 20.0


class Analytics:
    """Takes events, once it is there."""

    def __init__(self) -> None:
        self.taken: asyncio.Queue[DomainEvent] = asyncio.Queue()

    async def record(
        self, request: analytics_pb.RecordDomainEventsRequest, context: Any
    ) -> analytics_pb.RecordDomainEventsResponse:
        for event in request.events:
            self.taken.put_nowait(event)
        return analytics_pb.RecordDomainEventsResponse(recorded=len(request.events))

    async def serve(self, port: int) -> grpc.aio.Server:
        server = grpc.aio.server()
        handler = grpc.unary_unary_rpc_method_handler(
            self.record,
            request_deserializer=analytics_pb.RecordDomainEventsRequest.FromString,
            response_serializer=analytics_pb.RecordDomainEventsResponse.SerializeToString,
        )
        server.add_generic_rpc_handlers(
            [
                grpc.method_handlers_generic_handler(
                    "emporium.analytics.v1.DomainEventService", {"RecordDomainEvents": handler}
                )
            ]
        )
        server.add_insecure_port(f"127.0.0.1:{port}")
        await server.start()
        return server


class Service:
    """`python -m server order`, and how to reach it."""

    def __init__(self, database: Postgres, folder: Path, user_port: int) -> None:
        self.port, self.analytics_port = free_ports(2)
        self.user_key = auth.new_key("user-1")
        own_key = auth.new_key("service:order-1")
        jwks, signing_key = folder / "jwks.json", folder / "order.json"
        public = [auth.Signer(key, 600).public_key for key in (self.user_key, own_key)]
        jwks.write_text(json.dumps(auth.jwks(public)))
        signing_key.write_text(json.dumps(own_key))
        (folder / "secret.json").write_text(json.dumps({"secret": "s" * 43}))
        self.environment = {
            **os.environ,
            "GRPC_PORT": str(self.port),
            "METRICS_PORT": "0",
            "DATABASE_URL": database.database_url,
            "JWKS_FILE": str(jwks),
            "SERVICE_KEY_FILE": str(signing_key),
            "SECRET_FILE": str(folder / "secret.json"),
            "NEIGHBOUR_TARGETS": (
                f"user=127.0.0.1:{user_port} analytics=127.0.0.1:{self.analytics_port}"
            ),
            "DRAIN_SECONDS": "0.1",
        }

    async def start(self, *module: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *module,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def ready(self) -> None:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.port}") as channel:
            health = health_pb2_grpc.HealthStub(channel)
            watch = health.Watch(  # type: ignore[attr-defined]  # missing in its types
                health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=READY_SECONDS
            )
            async for answer in watch:
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return

    def shop(self, role: Role = Role.STAFF) -> Emporium:
        token = auth.Signer(self.user_key, 600).sign(new_id(), role)
        return Emporium(Targets(order=f"127.0.0.1:{self.port}"), token=token)


@pytest_asyncio.fixture
async def service(order_database: Postgres, tmp_path: Path) -> AsyncIterator[Service]:
    user, port = await quiet_feed()
    yield Service(order_database, tmp_path, port)
    await user.stop(0)


async def test_an_order_placed_while_analytics_is_away_is_told_when_it_is_back(
    service: Service,
) -> None:
    process = await service.start("server", "order")
    await service.ready()
    async with service.shop() as shop:
        order = await shop.orders.create(
            [OrderLine(product_name="Lantern", unit_price="3.39", quantity=6)]
        )
    analytics = Analytics()
    server = await analytics.serve(service.analytics_port)
    async with asyncio.timeout(READY_SECONDS):
        while (await analytics.taken.get()).aggregate_id != order.id:
            pass

    process.send_signal(signal.SIGTERM)
    output, _ = await process.communicate()
    await server.stop(0)
    assert process.returncode == 0
    lines = [json.loads(line) for line in output.splitlines()]
    assert [line["event"] for line in lines if line["level"] == "error"] == []
    assert lines[-1]["event"] == "stopped"


async def test_a_service_without_its_settings_says_so_and_ends(service: Service) -> None:
    service.environment["GRPC_PORT"] = "ninety"
    process = await service.start("server", "order")
    _, complaint = await process.communicate()
    assert process.returncode == 1
    assert complaint.decode().startswith("emporium: GRPC_PORT must be a whole number")


async def test_the_history_goes_back_to_nothing_and_up_again(
    postgres: EmbeddedPostgres, new_database: NewDatabase
) -> None:
    database = await new_database("order")
    name = database.database_url.rpartition("/")[2]
    owner = migrate.dsn(postgres.admin_dsn, f"{name}_owner", "owner-password", name)

    async def tables() -> set[str]:
        connection = await asyncpg.connect(owner)
        rows = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        await connection.close()
        return {row["tablename"] for row in rows} - {"alembic_version"}

    full = await tables()
    assert {"products", "orders", "order_items", "outbox", "idempotency_keys"} <= full
    await asyncio.to_thread(migrate.downgrade, owner, ORDER.migrations_folder("postgres"), "base")
    assert await tables() == set()
    await asyncio.to_thread(migrate.upgrade, owner, ORDER.migrations_folder("postgres"))
    assert await tables() == full


@pytest.mark.parametrize("module", ["alembic", "sqlalchemy", "pymongo", "typer", "motor"])
async def test_the_service_leaves_at_home_what_it_does_not_need(module: str) -> None:
    check = f"import server.order.app, sys; sys.exit({module!r} in sys.modules)"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", check)
    assert await process.wait() == 0

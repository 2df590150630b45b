"""The whole system over TLS: edge, services and neighbours, and certificates that are replaced."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2

from emporium import (
    DeadlineExceeded,
    Emporium,
    OrderLine,
    PermissionDenied,
    Targets,
    Tls,
    Unavailable,
)
from server.kit.check import is_serving
from server.local.engines import edge, limiter
from server.local.engines.envoy import Gateway
from server.local.engines.mongo import EmbeddedMongo
from server.local.engines.postgres import EmbeddedPostgres
from server.local.engines.service import ServiceProcess
from server.local.environment import service_environment
from server.local.home import keys
from server.local.home.folder import Home
from server.local.home.plan import PortPlan, plan
from server.local.home.ports import free_ports
from server.local.home.record import Login
from server.local.options import ClusterOptions
from server.local.preparation import accounts
from server.local.preparation.schema import prepare_all_mongo, prepare_all_postgres
from server.local.process.part import Part
from server.services import SERVICES, Service
from server.settings import Server
from tests import certificates
from tests.certificates import Authority
from tests.waiting import until

ROOT = Path(__file__).parents[2]


@dataclass
class System:
    """All services and the edge, over TLS, and where their certificates are."""

    folder: Path
    authority: Authority
    ports: PortPlan
    tls_port: int
    logins: list[Login]

    async def signed_in(self, shop: Emporium, role: str) -> None:
        login = next(each for each in self.logins if each.role == role)
        await shop.auth.login(login.email, login.password)

    def edge(self, authority: Authority) -> Emporium:
        """A caller from outside, who believes that authority."""
        return Emporium(f"localhost:{self.tls_port}", tls=Tls(ca_file=authority.file))

    def service(self, name: str) -> Server:
        """The TLS settings of a service."""
        return Server(
            tls_certificate_file=str(self.folder / f"{name}.crt"),
            tls_key_file=str(self.folder / f"{name}.key"),
            tls_ca_file=str(self.folder / "ca.pem"),
            tls_client_ca_file=str(self.folder / "ca.pem"),
            tls_client_names="edge",
        )


def issue_all(authority: Authority) -> None:
    """A certificate for each part, and the one that callers are shown."""
    authority.issue("localhost", file="listener")
    for name in ("edge", *(each.name for each in SERVICES)):
        authority.issue(name)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def system(engines_folder: Path) -> AsyncIterator[System]:
    home = Home.at(engines_folder / "tls")
    home.logs.mkdir(parents=True)
    folder = home.directory / "certificates"
    folder.mkdir()
    authority = Authority(folder)
    issue_all(authority)
    keys.ensure(home)
    ports = plan(0)
    async with AsyncExitStack() as stack:
        postgres = EmbeddedPostgres(home.data / "postgres", durable=False)
        mongo = EmbeddedMongo(home.data / "mongo", durable=False)
        await stack.enter_async_context(postgres)
        await stack.enter_async_context(mongo)
        await prepare_all_postgres(postgres.admin_dsn, home, own_postgres=True)
        await prepare_all_mongo(mongo.uri, home, own_mongo=True)
        logins = await accounts.ensure(postgres.admin_dsn, home)
        (tls_port,) = free_ports(1)
        running = System(folder, authority, ports, tls_port, logins)
        processes = [
            _process(running, each, home, postgres.admin_dsn, mongo.uri) for each in SERVICES
        ]
        for process in processes:
            stack.push_async_callback(process.stop)
        await asyncio.gather(*(process.start() for process in processes))
        gateway = _gateway(running, home)
        limiters = limiter.all_of(
            ports.limiters,
            edge=home.directory / "edge",
            store=home.counts,
            log_file=home.log_file,
        )
        parts: list[Part] = [*limiters, gateway]
        for part in parts:
            stack.push_async_callback(part.stop)
            await part.start()
        yield running


def _process(
    system: System, service: Service, home: Home, admin_dsn: str, mongodb_uri: str
) -> ServiceProcess:
    environment = service_environment(
        service,
        service.name,
        options=ClusterOptions(home=home.directory, edge_port=0),
        ports=system.ports,
        home=home,
        admin_dsn=admin_dsn,
        mongodb_uri=mongodb_uri,
        own_mongo=True,
    )
    tls = system.service(service.name)
    # Who may call it, the table of services says.
    files = {name.upper(): value for name, value in vars(tls).items() if name.endswith("_file")}

    async def serves(port: int) -> None:
        await until(lambda: asyncio.to_thread(is_serving, service.name, port, tls))

    return ServiceProcess(
        service.name,
        service.name,
        home.log_file(service.name),
        system.ports.grpc[service.name],
        environment | files | {"USER_CACHE_SECONDS": "0"},
        serves,
    )


def _gateway(system: System, home: Home) -> Gateway:
    configuration = edge.render(
        ROOT / "envoy",
        home.directory / "edge",
        edge_port=system.ports.edge,
        endpoints={
            **{each.name: [("127.0.0.1", system.ports.grpc[each.name])] for each in SERVICES},
            limiter.LIMITS: [(limiter.HOST, port) for port in system.ports.limiters.values()],
        },
        jwks=keys.public_file(home),
        limits=dict.fromkeys(("client", "anonymous", "staff", "login", "token"), 1_000_000),
        tls=edge.EdgeTls(
            port=system.tls_port,
            secrets=ROOT / "deploy" / "tls" / "secrets",
            certificates=system.folder,
        ),
    )
    return Gateway(
        configuration,
        edge_port=system.ports.edge,
        concurrency=1,
        log_file=home.log_file("envoy"),
    )


async def buy(system: System, shop: Emporium, sku: str) -> None:
    """What goes through every part: order asks user, and tells analytics."""
    await system.signed_in(shop, "staff")
    product = await shop.products.create(sku, "A thing", "10.00")
    sold = (await shop.reports.sales()).total.orders
    order = await shop.orders.create([OrderLine(product.id, quantity=1)])
    assert (await shop.orders.get_user(order.id)).email == "staff@emporium.example"

    async def is_counted() -> bool:
        return (await shop.reports.sales()).total.orders > sold

    await until(is_counted)


async def test_an_order_goes_through_every_part_over_tls(system: System) -> None:
    async with system.edge(system.authority) as shop:
        await buy(system, shop, "TLS-1")


async def test_a_service_lets_in_who_calls_it_by_the_table_and_nobody_else(system: System) -> None:
    address = f"127.0.0.1:{system.ports.grpc['user']}"
    targets = Targets(user=address)

    def as_who(name: str) -> Tls:
        tls = system.service(name)
        return Tls(
            ca_file=tls.tls_ca_file,
            certificate_file=tls.tls_certificate_file,
            key_file=tls.tls_key_file,
            by_service=True,
        )

    for name in ("edge", "order"):
        async with Emporium(targets, tls=as_who(name)) as shop:
            await system.signed_in(shop, "customer")
    system.authority.issue("nobody")
    async with Emporium(targets, tls=as_who("nobody")) as shop:
        with pytest.raises(PermissionDenied, match="certificate"):
            await system.signed_in(shop, "customer")
    nameless = Tls(ca_file=system.authority.file, by_service=True)
    async with Emporium(targets, tls=nameless, timeout_seconds=2.0) as shop:
        with pytest.raises((Unavailable, DeadlineExceeded)):
            await system.signed_in(shop, "customer")
    async with grpc.aio.insecure_channel(address) as plain:
        check: Any = plain.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        )
        with pytest.raises(grpc.aio.AioRpcError):
            await check(health_pb2.HealthCheckRequest(), timeout=1.0)


async def test_all_certificates_and_the_authority_are_replaced_without_a_restart(
    system: System,
) -> None:
    old, newer = system.authority, Authority(system.folder, "newer")
    certificates.replace(system.folder / "ca.pem", old.pem + newer.pem)
    async with system.edge(old) as shop:  # a connection of the old authority's
        await buy(system, shop, "TLS-2")
        issue_all(newer)
        await buy(system, shop, "TLS-3")
    certificates.replace(system.folder / "ca.pem", newer.pem)
    for service in SERVICES:
        port = system.ports.grpc[service.name]
        assert await asyncio.to_thread(is_serving, service.name, port, system.service(service.name))
    async with system.edge(newer) as shop:
        await buy(system, shop, "TLS-4")

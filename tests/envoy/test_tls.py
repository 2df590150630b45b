"""TLS at the edge's own listener and to the services, and certificates that are replaced."""

import asyncio
import socket
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from emporium import Emporium, Tls
from emporium.user.v1.user_service_pb2 import User
from server.kit.tls import server_credentials
from server.local.engines.edge import EdgeTls, write_endpoints
from server.local.home.ports import free_ports
from server.settings import Server
from tests import certificates
from tests.certificates import Authority
from tests.envoy.conftest import SOURCE, Edge, edge_before, signed
from tests.envoy.upstream import Upstream, always
from tests.waiting import until

SECRETS = SOURCE.parent / "deploy" / "tls" / "secrets"
USER = "01900000-0000-7000-8000-000000000000"
SERVICES = ("user", "order", "analytics")


@dataclass
class Secured:
    """An edge that speaks TLS on both sides, and where its certificates are."""

    edge: Edge
    port: int
    folder: Path
    authority: Authority

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def client(self, *more: Authority, http2: bool = False) -> httpx.AsyncClient:
        """A caller who believes the authority, and `more`, and has a good token."""
        context = ssl.create_default_context(cafile=str(self.authority.file))
        for other in more:
            context.load_verify_locations(str(other.file))
        headers = {"authorization": f"Bearer {signed()}"}
        return httpx.AsyncClient(
            base_url=self.url, headers=headers, verify=context, http1=not http2, http2=http2
        )


def issue_all(authority: Authority) -> None:
    """What the edge shows to callers and to services, and what these show."""
    authority.issue("localhost", file="listener")
    authority.issue("edge")
    authority.issue(*SERVICES, file="services")


def services_of(folder: Path) -> Upstream:
    """All services on one port, which ask for the edge's certificate as real ones do."""
    server = Server(
        tls_certificate_file=str(folder / "services.crt"),
        tls_key_file=str(folder / "services.key"),
        tls_client_ca_file=str(folder / "ca.pem"),
        tls_client_names="edge",
    )
    return Upstream(credentials=server_credentials(server))


@pytest_asyncio.fixture(loop_scope="session")
async def secured(tmp_path: Path) -> AsyncIterator[Secured]:
    folder, of_edge = tmp_path / "tls", tmp_path / "edge"
    folder.mkdir()
    of_edge.mkdir()
    authority = Authority(folder)
    issue_all(authority)
    (port,) = free_ports(1)
    tls = EdgeTls(port=port, secrets=SECRETS, certificates=folder)
    async with services_of(folder) as upstream:
        await upstream.serving(True)
        upstream.answers["GetUser"] = always(User(id=USER))
        async with edge_before(upstream, of_edge, per_minute=100_000, tls=tls) as edge:
            yield Secured(edge, port, folder, authority)


def _more_than(count: Callable[[], int], wanted: int) -> Callable[[], Awaitable[bool]]:
    async def enough() -> bool:
        return count() > wanted

    return enough


async def test_callers_and_services_are_reached_over_tls(secured: Secured) -> None:
    for http2 in (False, True):
        async with secured.client(http2=http2) as client:
            answer = await client.get(f"/api/v1/users/{USER}")
        assert answer.status_code == 200, answer.text
        assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
        assert answer.headers["strict-transport-security"].startswith("max-age=")
    files = Tls(ca_file=secured.authority.file)
    async with Emporium(f"localhost:{secured.port}", token=signed(), tls=files) as shop:
        assert (await shop.users.get(USER)).id == USER
    assert len(secured.edge.upstream.calls) == 3


async def test_nothing_older_than_tls_1_2_and_no_plain_text_is_spoken(secured: Secured) -> None:
    shown = []
    for version in (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context(cafile=str(secured.authority.file))
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # the oldest is not offered otherwise
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # which is why we ask
            context.minimum_version = context.maximum_version = version
        shown.append(await asyncio.to_thread(_handshake, context, secured.port))
    assert shown == [None, "TLSv1.2", "TLSv1.3"]
    async with httpx.AsyncClient() as plain:
        with pytest.raises(httpx.TransportError):
            await plain.get(f"http://localhost:{secured.port}/health")


def _handshake(context: ssl.SSLContext, port: int) -> str | None:
    """The version that was agreed upon; None for none."""
    with socket.create_connection(("127.0.0.1", port)) as raw:
        try:
            with context.wrap_socket(raw, server_hostname="localhost") as connection:
                return connection.version()
        except (ssl.SSLError, ConnectionError):
            return None


async def test_a_service_that_shows_another_name_is_not_called(secured: Secured) -> None:
    async with secured.client() as client:

        async def answers(status: int) -> bool:
            return (await client.get("/ready")).status_code == status

        secured.authority.issue("user", "analytics", file="services")  # not `order`
        async with services_of(secured.folder) as misnamed:
            await misnamed.serving(True)
            _send_to(secured, misnamed)
            await until(lambda: answers(503))
            assert (await client.get("/api/v1/orders/1")).status_code == 503
            await until(lambda: _reads(client))


def _send_to(secured: Secured, *upstreams: Upstream) -> None:
    where = [("127.0.0.1", upstream.port) for upstream in upstreams]
    for service in SERVICES:
        write_endpoints(secured.edge.folder, service, where, tls=True)


async def _reads(client: httpx.AsyncClient) -> bool:
    return (await client.get(f"/api/v1/users/{USER}")).status_code == 200


async def test_all_certificates_and_the_authority_are_replaced_and_no_call_fails(
    secured: Secured,
) -> None:
    old, newer = secured.authority, Authority(secured.folder, "newer")
    believes_newer = ssl.create_default_context(cafile=str(newer.file))
    served = 0

    async def is_shown() -> bool:
        return bool(await asyncio.to_thread(_handshake, believes_newer, secured.port))

    async def call(client: httpx.AsyncClient) -> None:
        nonlocal served
        while True:
            answer = await client.get(f"/api/v1/users/{USER}")
            assert answer.status_code == 200, answer.text
            served += 1

    async with secured.client(newer) as client, asyncio.TaskGroup() as calls:
        calling = [calls.create_task(call(client)) for _ in range(4)]
        await until(_more_than(lambda: served, 100))
        assert not await is_shown()
        certificates.replace(secured.folder / "ca.pem", old.pem + newer.pem)
        issue_all(newer)
        await until(is_shown)
        certificates.replace(secured.folder / "ca.pem", newer.pem)
        await until(_more_than(lambda: served, served + 100))
        # New connections, of which each side shows and believes the newer authority alone.
        async with services_of(secured.folder) as upstream:
            await upstream.serving(True)
            upstream.answers["GetUser"] = always(User(id=USER))
            _send_to(secured, secured.edge.upstream, upstream)
            await until(_more_than(lambda: len(upstream.calls), 100))
            for each in calling:
                each.cancel()

"""Keys are replaced while everybody calls, by REST and by gRPC: nobody is refused."""

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import grpc
import httpx
import jwt
import pytest
import pytest_asyncio

from emporium import Emporium, Unauthenticated
from emporium.order.v1 import order_service_pb2 as order
from emporium.order.v1 import order_service_pb2_grpc as order_grpc
from server.kit import auth
from server.kit.auth import Signer
from server.kit.context import Role
from server.local import cluster
from server.local.cluster import Cluster
from server.local.home import keys
from server.local.home.folder import read_private, write_private
from tests.e2e.conftest import Rest, error_of, new_email, target, throwaway_cluster
from tests.server.cli.running import emporium

CALLERS = 3  # by each door
WITHIN_SECONDS = 20

Call = Callable[[], Awaitable[str]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """A cluster whose keys nobody else needs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "LOOK_SECONDS", 0.2)
        async with throwaway_cluster(tmp_path_factory.mktemp("rotation")) as running:
            yield running


@pytest_asyncio.fixture(loop_scope="session")
async def edge(own: Cluster) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=own.edge_url, timeout=20) as client:
        yield client


async def rotate(own: Cluster, *arguments: str) -> None:
    home = str(own.home.directory)
    done = await asyncio.to_thread(emporium, "keys", "rotate", *arguments, "--home", home)
    assert done.returncode == 0, done.stderr


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


class Doors:
    """Calls that need a token, by each door, with the newest one or another."""

    def __init__(self, own: Cluster, http: httpx.AsyncClient) -> None:
        self._own = own
        self._http = http

    def calls(self, kept: str) -> dict[str, Call]:
        """By name; each gives what it was told, which is `OK` or why not."""

        async def rest(token: str) -> str:
            answer = await Rest(self._http, token)("GET", "/orders?per_page=1")
            return "OK" if answer.status_code == 200 else answer.text

        async def by_grpc(door: str, token: str) -> str:
            stub = order_grpc.OrderServiceStub(self._channels[door])
            request = order.ListOrdersRequest(per_page=1)
            try:
                # What staff reads is asked of the account: order calls user, by its own token.
                await stub.ListOrders(
                    request, metadata=[("authorization", f"Bearer {token}")], timeout=20
                )
            except grpc.aio.AioRpcError as error:
                return f"{error.code().name}: {error.details()}"
            return "OK"

        def newest() -> str:
            return self._own.token("staff")

        return {
            "rest, newest": lambda: rest(newest()),
            "rest, kept": lambda: rest(kept),
            "edge, newest": lambda: by_grpc("edge", newest()),
            "edge, kept": lambda: by_grpc("edge", kept),
            "service, newest": lambda: by_grpc("service", newest()),
            "service, kept": lambda: by_grpc("service", kept),
        }

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["Doors"]:
        async with (
            grpc.aio.insecure_channel(target(self._own, "edge")) as edge_channel,
            grpc.aio.insecure_channel(target(self._own, "service")) as service_channel,
        ):
            self._channels = {"edge": edge_channel, "service": service_channel}
            yield self


async def called_meanwhile(calls: dict[str, Call], work: Awaitable[Any]) -> Counter[str]:
    """What the callers were told while `work` was done; each called at least once after it."""
    told: Counter[str] = Counter()
    is_done = False

    async def keep_calling(name: str, call: Call) -> None:
        while True:
            was_done = is_done
            told[f"{name}: {await call()}"] += 1
            if was_done:
                return

    callers = [
        asyncio.create_task(keep_calling(name, call))
        for name, call in calls.items()
        for _ in range(CALLERS)
    ]
    await work
    is_done = True
    await asyncio.gather(*callers)
    return told


async def test_no_call_is_refused_while_every_key_is_replaced(
    own: Cluster, edge: httpx.AsyncClient
) -> None:
    kept = own.token("staff")
    login = {name: getattr(own.login("customer"), name) for name in ("email", "password")}
    session = await Rest(edge).data("POST", "/auth/login", login)
    before = {name: json.loads(keys.file_of(name, own.home).read_text()) for name in keys.names()}
    async with Doors(own, edge).opened() as doors:
        for _ in range(2):
            told = await called_meanwhile(doors.calls(kept), rotate(own))
            refused = {what: count for what, count in told.items() if not what.endswith(": OK")}
            assert not refused, told
            assert len(told) == 6
            assert kid_of(own.token("staff")) != kid_of(kept)
    for name, key in before.items():
        now = json.loads(keys.file_of(name, own.home).read_text())
        assert now["kid"] == key["kid"].replace("-1", "-3")
    # The session goes on: its refresh token hangs on no key.
    spent = {"refresh_token": session["refresh_token"]}
    again = await Rest(edge).data("POST", "/auth/refresh", spent)
    assert kid_of(again["access_token"]) == "user-3"
    published = (await edge.get("/.well-known/jwks.json")).json()["keys"]
    assert {"user-1", "user-2", "user-3"} <= {key["kid"] for key in published}


async def test_a_key_that_signs_before_it_is_published_is_refused(
    own: Cluster, edge: httpx.AsyncClient
) -> None:
    """What the order of the steps is good for."""
    file = keys.file_of("user", own.home)
    before = json.loads(file.read_text())
    write_private(file, auth.new_key("user-99"))
    try:
        async with Doors(own, edge).opened() as doors:
            for name, call in doors.calls(own.token("staff")).items():
                told = await call()
                assert "INVALID_TOKEN" in told or "UNAUTHENTICATED" in told, name
    finally:
        write_private(file, before)


async def test_after_a_theft_the_keys_before_are_refused_at_once(
    own: Cluster, edge: httpx.AsyncClient
) -> None:
    stolen = own.token("admin")
    assert (await Rest(edge, stolen)("GET", "/users")).status_code == 200
    await rotate(own, "user", "--retire-after", "0")
    async with Doors(own, edge).opened() as doors, asyncio.timeout(WITHIN_SECONDS):
        for name, call in doors.calls(stolen).items():
            if name.endswith("kept"):
                while await call() == "OK":
                    pass
            else:
                assert await call() == "OK", name
    assert error_of(await Rest(edge, stolen)("GET", "/users"), 401)["code"] == "INVALID_TOKEN"


async def test_after_a_theft_whoever_is_signed_in_goes_on(own: Cluster) -> None:
    for door in (target(own, "edge"), own.record.grpc):
        async with Emporium(door) as shop:
            login = own.login("customer")
            before = (await shop.auth.login(login.email, login.password)).access_token
            await rotate(own, "user", "--retire-after", "0")
            async with Emporium(door, token=before) as stolen:
                await until_refused(stolen.auth.sessions)
            calls = [shop.auth.sessions(), *(shop.orders.list().first_page() for _ in range(5))]
            await asyncio.gather(*calls)
            assert shop.token != before


async def until_refused(call: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(WITHIN_SECONDS):
        with suppress(Unauthenticated):
            while True:
                await call()


async def test_after_a_theft_of_services_keys_they_call_each_other_as_before(
    own: Cluster, edge: httpx.AsyncClient
) -> None:
    """Each has shown its neighbours a token, which would be good for minutes more."""
    names = [name for name in keys.names() if name.startswith("service:")]
    await call_every_neighbour(own, edge)
    stolen = {name: Signer(read_private(keys.file_of(name, own.home)), 300) for name in names}
    await rotate(own, *names, "--retire-after", "0")
    who = str(uuid.uuid4())

    def client(name: str) -> Emporium:
        return Emporium(own.record.grpc, token=stolen[name].sign(name, Role.SERVICE))

    async with client("service:user") as user, client("service:order") as order:
        await until_refused(lambda: user.orders.export_buyer(who))
        await until_refused(lambda: user.events.export_activity(who))
        await until_refused(lambda: order.users.batch_get([who]))
    await call_every_neighbour(own, edge)


async def call_every_neighbour(own: Cluster, edge: httpx.AsyncClient) -> None:
    """What a person and an admin ask for, and takes a call of each service to each of its own."""
    admin = Rest(edge, own.token("admin"))
    buyer = await admin.data("POST", "/users", {"email": new_email(), "full_name": "Ann"})
    person = Rest(edge, keys.token(own.home, buyer["id"], "customer", 60))
    [product] = (await person.data("GET", "/products?per_page=1"))["products"]
    line = {"product_id": product["id"], "quantity": 1}
    order = await person.data("POST", "/orders", {"items": [line]})
    # Order asks user; user asks order and analytics.
    assert (await person.data("GET", f"/orders/{order['id']}/user"))["id"] == buyer["id"]
    assert (await person.data("GET", f"/users/{buyer['id']}/export"))["missing"] == []
    # Order and analytics tell user of whom they refuse, and order tells analytics of the order.
    error_of(await person("GET", f"/orders/{uuid.uuid4()}"), 404)
    error_of(await person("GET", "/reports/sales?from=2010-12-01&to=2010-12-01"), 403)
    heard: set[str] = set()
    async with asyncio.timeout(WITHIN_SECONDS):
        while not heard >= {"order", "analytics"}:
            told = await admin.data("GET", f"/audit-events?actor={buyer['id']}")
            heard = {each["service"] for each in told["audit_events"]}
        while not await counted_sales(person, buyer["id"]):
            pass


async def counted_sales(person: Rest, user_id: str) -> int:
    """How many of the person's orders analytics knows."""
    parts = (await person.data("GET", f"/users/{user_id}/export"))["parts"]
    return sum(int(part["record_count"]) for part in parts if part["name"] == "sales")


async def test_a_key_that_has_ended_is_withdrawn_by_nobody_s_command(own: Cluster) -> None:
    before = kid_of(own.token("staff"))
    await rotate(own, "user", "--retire-after", "1")
    async with asyncio.timeout(WITHIN_SECONDS):
        while True:  # it is the supervisor's work, and it tells nobody
            if before not in {key["kid"] for key in keys.public_keys(own.home)}:
                break
            await asyncio.sleep(0.05)
    for name in ("identify", "require_token"):
        assert before not in (own.home.keys / f"{name}.yaml").read_text()

"""What ends access does so in every service, by either door, within the time that is promised."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import pytest
import pytest_asyncio

from emporium.analytics.v1 import (
    event_service_pb2,
    event_service_pb2_grpc,
    report_service_pb2,
    report_service_pb2_grpc,
)
from emporium.order.v1 import order_service_pb2, order_service_pb2_grpc
from emporium.user.v1 import user_service_pb2, user_service_pb2_grpc
from server.local.cluster import Cluster
from server.services import SERVICES
from tests.e2e.conftest import (
    CALL_TIMEOUT_SECONDS,
    Rest,
    employed,
    error_of,
    new_email,
    target,
    throwaway_cluster,
)
from tests.e2e.test_bad_days import hanging
from tests.server.refusals import Refused
from tests.waiting import until

SECONDS_MAX = 5.0
PASSWORD = "correct horse battery"
NOBODY = "01900000-0000-7000-8000-000000000000"
DOORS = ("REST", "gRPC")


@dataclass
class Person:
    """Somebody of the staff, signed in, and how each service answers."""

    cluster: Cluster
    http: httpx.AsyncClient
    email: str
    user_id: str
    session_id: str
    token: str
    refresh_token: str

    @property
    def rest(self) -> Rest:
        return Rest(self.http, self.token)

    async def own(self, service: str, door: str) -> str:
        """Why a service refuses what needs no role; empty when it does not."""
        if door == "REST":
            asked: dict[str, tuple[Any, ...]] = {
                "user": ("GET", f"/users/{self.user_id}"),
                "order": ("GET", "/orders"),
                "analytics": ("POST", "/events", {"type": "product.viewed"}),
            }
            return _code(await self.rest(*asked[service]))
        user = user_service_pb2.GetUserRequest(user_id=self.user_id)
        event = event_service_pb2.RecordEventRequest(type="product.viewed")
        requests: dict[str, tuple[Any, str, Any]] = {
            "user": (user_service_pb2_grpc.UserServiceStub, "GetUser", user),
            "order": (
                order_service_pb2_grpc.OrderServiceStub,
                "ListOrders",
                order_service_pb2.ListOrdersRequest(),
            ),
            "analytics": (event_service_pb2_grpc.EventServiceStub, "RecordEvent", event),
        }
        return await self._reason(service, *requests[service])

    async def by_role(self, service: str, door: str) -> str:
        """Why a service refuses what is for staff; empty when it does not."""
        if door == "REST":
            paths = {
                "user": f"/users/{NOBODY}",
                "order": f"/users/{NOBODY}/orders",
                "analytics": "/reports/sales",
            }
            return _code(await self.rest("GET", paths[service]))
        requests: dict[str, tuple[Any, str, Any]] = {
            "user": (
                user_service_pb2_grpc.UserServiceStub,
                "GetUser",
                user_service_pb2.GetUserRequest(user_id=NOBODY),
            ),
            "order": (
                order_service_pb2_grpc.OrderServiceStub,
                "ListUserOrders",
                order_service_pb2.ListUserOrdersRequest(user_id=NOBODY),
            ),
            "analytics": (
                report_service_pb2_grpc.ReportServiceStub,
                "GetSalesReport",
                report_service_pb2.GetSalesReportRequest(),
            ),
        }
        return await self._reason(service, *requests[service])

    async def _reason(self, service: str, stub: Any, name: str, request: Any) -> str:
        metadata = [("authorization", f"Bearer {self.token}")]
        async with grpc.aio.insecure_channel(target(self.cluster, "service", service)) as channel:
            try:
                await getattr(stub(channel), name)(request, metadata=metadata, timeout=10)
            except grpc.aio.AioRpcError as error:
                return Refused(error).reason
        return ""


def _code(answer: httpx.Response) -> str:
    return "" if answer.is_success else str(answer.json()["error"]["code"])


async def sign_in(cluster: Cluster, http: httpx.AsyncClient, email: str) -> Person:
    body = {"email": email, "password": PASSWORD}
    given = await Rest(http).data("POST", "/auth/login", body)
    return Person(
        cluster=cluster,
        http=http,
        email=email,
        user_id=given["user"]["id"],
        session_id=given["session_id"],
        token=given["access_token"],
        refresh_token=given["refresh_token"],
    )


async def new_person(cluster: Cluster, http: httpx.AsyncClient, admin: Rest) -> Person:
    email = await employed(cluster.home, admin, PASSWORD, "STAFF")
    return await sign_in(cluster, http, email)


async def logout(person: Person, admin: Rest) -> None:
    await person.rest("POST", "/auth/logout")


async def another_device(person: Person, admin: Rest) -> None:
    other = await sign_in(person.cluster, person.http, person.email)
    assert (await other.rest("DELETE", f"/auth/sessions/{person.session_id}")).status_code == 204
    assert await other.own("user", "REST") == ""


async def new_password(person: Person, admin: Rest) -> None:
    other = await sign_in(person.cluster, person.http, person.email)
    body = {"current_password": PASSWORD, "password": "battery staple horse"}
    assert (await other.rest("POST", "/auth/password", body)).is_success


async def suspension(person: Person, admin: Rest) -> None:
    await admin.data("POST", f"/users/{person.user_id}:suspend")


async def deletion(person: Person, admin: Rest) -> None:
    assert (await admin("DELETE", f"/users/{person.user_id}")).status_code == 204


Act = Callable[[Person, Rest], Awaitable[None]]


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (logout, "SESSION_ENDED"),
        (another_device, "SESSION_ENDED"),
        (new_password, "SESSION_ENDED"),
        (suspension, "ACCOUNT_INACTIVE"),
        (deletion, "ACCOUNT_INACTIVE"),
    ],
)
async def test_an_end_of_access_reaches_every_service_by_every_door(
    cluster: Cluster, http: httpx.AsyncClient, admin: Rest, act: Act, code: str
) -> None:
    person = await new_person(cluster, http, admin)
    bystander = await new_person(cluster, http, admin)

    async def answers(of: Person) -> set[str]:
        return {await of.own(each.name, door) for each in SERVICES for door in DOORS}

    assert await answers(person) == {""}
    await act(person, admin)

    async def is_over() -> bool:
        return await answers(person) == {code}

    await until(is_over, timeout_seconds=SECONDS_MAX)
    assert await answers(bystander) == {""}


@pytest.mark.parametrize("act", [logout, another_device, new_password])
async def test_from_its_answer_on_an_end_leaves_nothing_to_change_or_to_refresh(
    cluster: Cluster, http: httpx.AsyncClient, admin: Rest, act: Act
) -> None:
    """No waiting here: the calls come right behind the act."""
    for _ in range(2):
        person = await new_person(cluster, http, admin)
        await act(person, admin)
        refresh = {"refresh_token": person.refresh_token}
        key = {"name": "a thief's", "scopes": ["orders.read"]}
        email = {"email": new_email()}
        answers = [
            await person.rest("POST", "/auth/api-keys", key),
            await person.rest("PATCH", f"/users/{person.user_id}", email),
            await Rest(http)("POST", "/auth/refresh", refresh),
        ]
        assert [_code(answer) for answer in answers] == ["SESSION_ENDED"] * 3


async def test_a_demotion_reaches_every_service_and_leaves_what_is_ones_own(
    cluster: Cluster, http: httpx.AsyncClient, admin: Rest
) -> None:
    person = await new_person(cluster, http, admin)

    async def answers() -> dict[str, set[str]]:
        return {
            each.name: {await person.by_role(each.name, door) for door in DOORS}
            for each in SERVICES
        }

    found = await answers()
    assert (found["order"], found["analytics"]) == ({""}, {""})
    demotion = {"role": "CUSTOMER"}
    await admin.data("POST", f"/users/{person.user_id}:setRole", demotion)
    refusals = {
        "user": {"USER_NOT_FOUND"},
        "order": {"USER_NOT_FOUND"},
        "analytics": {"PERMISSION_DENIED"},
    }

    async def is_over() -> bool:
        return await answers() == refusals

    await until(is_over, timeout_seconds=SECONDS_MAX)
    assert {await person.own(each.name, door) for each in SERVICES for door in DOORS} == {""}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cut_off(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cluster]:
    """A cluster whose services lose sight of each other."""
    async with throwaway_cluster(tmp_path_factory.mktemp("cut_off")) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def edge(cut_off: Cluster) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=cut_off.edge_url, timeout=CALL_TIMEOUT_SECONDS) as client:
        yield client


async def test_without_the_user_service_fresh_calls_wait_and_own_reads_go_on(
    cut_off: Cluster, edge: httpx.AsyncClient
) -> None:
    staff = Rest(edge, cut_off.token("staff"))
    customer = Rest(edge, cut_off.token("customer"))
    order = {"items": [{"product_name": "Lantern", "unit_price": "1.25", "quantity": 1}]}
    assert (await staff("POST", "/orders", order)).status_code == 201
    await staff.data("GET", "/reports/sales")
    await cut_off.stop_process("user")
    try:
        fresh = (("POST", "/orders", order), ("GET", "/orders"), ("GET", "/reports/sales"))

        async def all_wait() -> bool:
            return {_code(await staff(*call)) for call in fresh} == {"UNAVAILABLE"}

        await until(all_wait)
        for call in fresh:
            answer = await staff(*call)
            assert error_of(answer, 503)["code"] == "UNAVAILABLE"
            assert answer.headers["retry-after"] == "1"
        await customer.data("GET", "/orders")
        await customer.data("POST", "/events", {"type": "product.viewed"})
    finally:
        await cut_off.start_process("user")

    async def goes_on() -> bool:
        answers = [await staff("POST", "/orders", order), await customer("GET", "/auth/sessions")]
        return all(answer.is_success for answer in answers)

    await until(goes_on)


async def test_what_ended_while_a_service_did_not_listen_is_known_when_it_does(
    cut_off: Cluster, edge: httpx.AsyncClient
) -> None:
    admin = Rest(edge, cut_off.token("admin"))
    person = await new_person(cut_off, edge, admin)
    assert await person.own("order", "REST") == ""
    with hanging(cut_off, "order"):
        await logout(person, admin)

    async def is_over() -> bool:
        return await person.own("order", "gRPC") == "SESSION_ENDED"

    await until(is_over, timeout_seconds=SECONDS_MAX)

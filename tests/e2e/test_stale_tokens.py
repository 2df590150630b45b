"""Good tokens of accounts that were demoted, disabled or deleted since, through the edge."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import httpx
import pytest

from emporium import Emporium, Unauthenticated
from emporium.order.v1 import order_service_pb2, order_service_pb2_grpc
from emporium.type.v1.role_pb2 import ADMIN
from emporium.user.v1 import user_service_pb2, user_service_pb2_grpc
from server.local.cluster import Cluster
from tests.e2e.conftest import Rest, employed, error_of, new_email, target
from tests.server.refusals import refused
from tests.waiting import until

PASSWORD = "correct horse battery"
ORDER_LINE = {"product_name": "Lantern", "unit_price": "1.25", "quantity": 1}


class Person(Rest):
    """Somebody with an account and a token of it."""

    def __init__(self, http: httpx.AsyncClient, token: str, user_id: str) -> None:
        super().__init__(http, token)
        self.token = token
        self.path = f"/users/{user_id}"
        self.user_id = user_id


SignedIn = Callable[[str], Awaitable[Person]]


@pytest.fixture
def signed_in(cluster: Cluster, http: httpx.AsyncClient, admin: Rest) -> SignedIn:
    """`await signed_in("ADMIN")`: a new account of that role, signed in by its password."""

    async def make(role: str) -> Person:
        email = await employed(cluster.home, admin, PASSWORD, role)
        answer = await admin.data("POST", "/auth/login", {"email": email, "password": PASSWORD})
        return Person(http, answer["access_token"], answer["user"]["id"])

    return make


async def shut(admin: Rest, person: Person, how: str) -> None:
    """Takes from a person what `how` says."""
    if how == "deleted":
        assert (await admin("DELETE", person.path)).status_code == 204
        return
    changes = {
        "demoted": {"role": "CUSTOMER"},
        "disabled": {"status": "DISABLED"},
        "demoted and disabled": {"role": "CUSTOMER", "status": "DISABLED"},
    }
    await admin.data("PATCH", person.path, changes[how])


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("demoted and disabled", 401, "ACCOUNT_INACTIVE"),
        ("disabled", 401, "ACCOUNT_INACTIVE"),
        ("demoted", 403, "ROLE_NOT_ALLOWED"),
        ("deleted", 401, "ACCOUNT_INACTIVE"),
    ],
)
async def test_a_fallen_admin_cannot_restore_himself(
    admin: Rest, signed_in: SignedIn, how: str, status: int, code: str
) -> None:
    fallen = await signed_in("ADMIN")
    await fallen.data("GET", "/users?per_page=1")
    await shut(admin, fallen, how)
    for body in ({"role": "ADMIN", "status": "ACTIVE"}, {"role": "ADMIN"}, {"status": "ACTIVE"}):
        assert error_of(await fallen("PATCH", fallen.path, body), status)["code"] == code
    assert (await fallen("GET", "/users")).status_code in (401, 403)
    accomplice = {"email": new_email(), "full_name": "X", "password": PASSWORD, "role": "ADMIN"}
    assert error_of(await fallen("POST", "/users", accomplice), status)["code"] == code


@pytest.mark.parametrize("door", ["edge", "service"])
async def test_a_fallen_admin_cannot_restore_himself_by_grpc(
    admin: Rest, signed_in: SignedIn, cluster: Cluster, door: str
) -> None:
    fallen = await signed_in("ADMIN")
    await shut(admin, fallen, "demoted and disabled")
    request = user_service_pb2.UpdateUserRequest(
        user_id=fallen.user_id, role=ADMIN, status=user_service_pb2.User.ACTIVE
    )
    metadata = [("authorization", f"Bearer {fallen.token}")]
    async with grpc.aio.insecure_channel(target(cluster, door, "user")) as channel:
        stub = user_service_pb2_grpc.UserServiceStub(channel)
        answer = await refused(stub.UpdateUser(request, metadata=metadata, timeout=10))
    assert (answer.code, answer.reason) == (grpc.StatusCode.UNAUTHENTICATED, "ACCOUNT_INACTIVE")


async def order_ids(admin: Rest, of: Person) -> set[str]:
    page = await admin.data("GET", f"{of.path}/orders")
    return {order["id"] for order in page["orders"]}


@pytest.mark.parametrize("how", ["disabled", "deleted"])
async def test_an_account_that_is_shut_orders_nothing(
    admin: Rest,
    signed_in: SignedIn,
    products: list[dict[str, Any]],
    cluster: Cluster,
    how: str,
) -> None:
    gone = await signed_in("CUSTOMER")
    await shut(admin, gone, how)
    line = {"product_id": products[0]["id"], "quantity": 1}

    async def is_refused() -> bool:
        return (await gone("POST", "/orders", {"items": [line]})).status_code == 401

    await until(is_refused, timeout_seconds=5)
    answer = await gone("POST", "/orders", {"items": [line]})
    assert error_of(answer, 401)["code"] == "ACCOUNT_INACTIVE"
    placed = await order_ids(admin, gone)

    request = order_service_pb2.CreateOrderRequest(
        items=[order_service_pb2.NewOrderItem(product_id=products[0]["id"], quantity=1)]
    )
    metadata = [("authorization", f"Bearer {gone.token}")]
    for door in ("edge", "service"):
        async with grpc.aio.insecure_channel(target(cluster, door)) as channel:
            stub = order_service_pb2_grpc.OrderServiceStub(channel)
            told = await refused(stub.CreateOrder(request, metadata=metadata, timeout=10))
        assert (told.code, told.reason) == (grpc.StatusCode.UNAUTHENTICATED, "ACCOUNT_INACTIVE")

    async with Emporium(target(cluster, "edge"), token=gone.token) as shop:
        with pytest.raises(Unauthenticated) as raised:
            await shop.users.update(gone.user_id, full_name="Somebody Else")
    assert raised.value.reason == "ACCOUNT_INACTIVE"
    # An erasure takes the orders off the account meanwhile.
    assert await order_ids(admin, gone) <= placed


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ("disabled", 401, "ACCOUNT_INACTIVE"),
        ("deleted", 401, "ACCOUNT_INACTIVE"),
        ("demoted", 403, "PRICE_NOT_ALLOWED"),
    ],
)
async def test_what_a_token_says_of_staff_is_soon_forgotten(
    admin: Rest, signed_in: SignedIn, how: str, status: int, code: str
) -> None:
    staff = await signed_in("STAFF")

    async def order() -> httpx.Response:
        return await staff("POST", "/orders", {"items": [ORDER_LINE]})

    assert (await order()).status_code == 201
    await shut(admin, staff, how)

    async def is_refused() -> bool:
        return (await order()).status_code != 201

    await until(is_refused)
    assert error_of(await order(), status)["code"] == code

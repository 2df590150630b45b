"""Forged page tokens, by REST and by gRPC: nothing but what we have signed ourselves is read."""

import base64
import uuid
from collections.abc import Callable
from typing import Any

import grpc
import msgspec
import pytest

from emporium import Emporium
from emporium.order.v1 import order_service_pb2, order_service_pb2_grpc
from server.kit.listing.tokens import PageTokens, Place
from server.local.cluster import Cluster
from tests.e2e.conftest import Rest, error_of, target, violated_fields
from tests.server.refusals import refused

# A token's parts, by their place in it, behind the signature.
SIGNATURE_BYTES = 16
DESCENDING, FILTERS, VALUE, ID, PAGE, TOTAL = 1, 2, 3, 4, 5, 6


def raw(token: str) -> bytes:
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))


def decoded(token: str) -> Any:
    return msgspec.msgpack.decode(raw(token)[SIGNATURE_BYTES:])


def encoded(parts: Any, signature: bytes) -> str:
    packed = signature + msgspec.msgpack.encode(parts)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def repacked(parts: Any, token: str) -> str:
    """`parts` under the signature of `token`."""
    return encoded(parts, raw(token)[:SIGNATURE_BYTES])


def changed(part: int, value: Any) -> Callable[[str], str]:
    """Makes of a real token one with another `part`."""

    def forge(token: str) -> str:
        parts = decoded(token)
        assert parts[part] != value
        parts[part] = value
        return repacked(parts, token)

    return forge


FORGERIES: dict[str, Callable[[str], str]] = {
    "of other filters": changed(FILTERS, "0" * 16),
    "of another sort": changed(DESCENDING, False),
    "another place": changed(VALUE, "2024-01-01T00:00:00+00:00"),
    "a place that is no time": changed(VALUE, "yesterday"),
    "NUL in its place": changed(VALUE, "\0"),
    "a time that no calendar holds": changed(VALUE, "9999-12-31T23:59:59-23:59"),
    "another id": changed(ID, str(uuid.UUID(int=7))),
    "an id that is none": changed(ID, "nonsense"),
    "NUL in its id": changed(ID, "\0"),
    "another page": changed(PAGE, 7),
    "a huge page": changed(PAGE, 2**31),
    "a page beyond 64 bits": changed(PAGE, 2**64 - 1),
    "a negative page": changed(PAGE, -1),
    "a page that is text": changed(PAGE, "2"),
    "another total": changed(TOTAL, 1_234_567),
    "a huge total": changed(TOTAL, 2**31),
    "a part too few": lambda token: repacked(decoded(token)[:-1], token),
    "a part too many": lambda token: repacked([*decoded(token), "more"], token),
    "another shape": lambda token: repacked({"page": 2}, token),
    "no signature": lambda token: encoded(decoded(token), b""),
    "an empty signature": lambda token: encoded(decoded(token), bytes(SIGNATURE_BYTES)),
    "another's signature": lambda token: PageTokens(b"not ours").write(Place(*decoded(token))),
    "cut short": lambda token: token[:-5],
    "not base64": lambda token: "*" + token[1:],
}


@pytest.fixture
async def token(staff: Rest) -> str:
    """Where a list of orders goes on."""
    answer = await staff("GET", "/orders?per_page=1")
    found: str = answer.json()["meta"]["next_page_token"]
    again = repacked(decoded(found), found)
    assert (await staff("GET", f"/orders?page_token={again}")).is_success
    return found


@pytest.mark.parametrize("name", FORGERIES)
async def test_a_forged_page_token_is_refused_by_rest(name: str, staff: Rest, token: str) -> None:
    forged = FORGERIES[name](token)
    error = error_of(await staff("GET", "/orders", params={"page_token": forged}), 422)
    assert (error["code"], violated_fields(error)) == ("INVALID_PAGE_TOKEN", {"page_token"})


@pytest.mark.parametrize("door", ["edge", "service"])
@pytest.mark.parametrize("name", FORGERIES)
async def test_a_forged_page_token_is_refused_by_grpc(
    name: str, door: str, cluster: Cluster, token: str
) -> None:
    request = order_service_pb2.ListOrdersRequest(page_token=FORGERIES[name](token))
    metadata = [("authorization", f"Bearer {cluster.token('staff')}")]
    async with grpc.aio.insecure_channel(target(cluster, door)) as channel:
        stub = order_service_pb2_grpc.OrderServiceStub(channel)
        refusal = await refused(stub.ListOrders(request, metadata=metadata, timeout=10))
    assert refusal.code is grpc.StatusCode.INVALID_ARGUMENT
    assert (refusal.reason, refusal.fields) == ("INVALID_PAGE_TOKEN", ["page_token"])


async def test_the_token_of_one_list_does_not_open_another(
    staff: Rest, customer: Rest, token: str
) -> None:
    for rest, filters in ((staff, {"status": "pending"}), (customer, {})):
        error = error_of(await rest("GET", "/orders", params={"page_token": token, **filters}), 422)
        assert error["code"] == "INVALID_PAGE_TOKEN"


async def test_every_token_of_the_longest_names_is_taken_by_every_door(
    staff: Rest, anyone: Rest, cluster: Cluster
) -> None:
    name = "🎁" * 199
    for n in range(3):
        body = {"sku": uuid.uuid4().hex, "name": f"{name}{n}", "unit_price": "9999998.50"}
        await staff.data("POST", "/products", body)
    filters = {"min_price": "9999998.50", "max_price": "9999998.50"}

    seen: list[str] = []
    params: dict[str, str] = {**filters, "sort": "name:desc", "per_page": "1"}
    while params.get("page_token", "more"):
        answer = await anyone("GET", "/products", params=params)
        assert answer.status_code == 200, answer.text
        seen += [product["name"] for product in answer.json()["data"]["products"]]
        params["page_token"] = answer.json()["meta"].get("next_page_token", "")
    assert seen == [f"{name}{n}" for n in (2, 1, 0)]

    for door in (target(cluster, "edge"), target(cluster, "service")):
        async with Emporium(door) as shop:
            listing = shop.products.list(
                sort="name:desc", per_page=1, min_price="9999998.50", max_price="9999998.50"
            )
            assert [product.name async for product in listing] == seen

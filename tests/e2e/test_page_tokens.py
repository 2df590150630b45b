"""Forged page tokens, by REST and by gRPC: a token is a place in a list, and nothing else."""

import base64
from collections.abc import Callable
from typing import Any

import grpc
import msgspec
import pytest

from emporium.order.v1 import order_service_pb2, order_service_pb2_grpc
from server.local.cluster import Cluster
from tests.e2e.conftest import Rest, error_of, target, violated_fields
from tests.server.refusals import refused

# A token's parts, by their place in it.
DESCENDING, FILTERS, VALUE, ID, PAGE, TOTAL = 1, 2, 3, 4, 5, 6


def encoded(parts: Any) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(parts)).decode().rstrip("=")


def decoded(token: str) -> Any:
    return msgspec.msgpack.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))


def changed(part: int, value: Any) -> Callable[[str], str]:
    """Makes of a real token one with another `part`."""

    def forge(token: str) -> str:
        parts = decoded(token)
        parts[part] = value
        return encoded(parts)

    return forge


FORGERIES: dict[str, Callable[[str], str]] = {
    "of other filters": changed(FILTERS, "0" * 16),
    "of another sort": changed(DESCENDING, False),
    "a place that is no time": changed(VALUE, "yesterday"),
    "NUL in its place": changed(VALUE, "\0"),
    "a time that no calendar holds": changed(VALUE, "9999-12-31T23:59:59-23:59"),
    "an id that is none": changed(ID, "nonsense"),
    "NUL in its id": changed(ID, "\0"),
    "a huge page": changed(PAGE, 2**31),
    "a page beyond 64 bits": changed(PAGE, 2**64 - 1),
    "a negative page": changed(PAGE, -1),
    "a page that is text": changed(PAGE, "2"),
    "a huge total": changed(TOTAL, 2**31),
    "a part too few": lambda token: encoded(decoded(token)[:-1]),
    "a part too many": lambda token: encoded([*decoded(token), "more"]),
    "another shape": lambda token: encoded({"page": 2}),
    "cut short": lambda token: token[:-5],
    "not base64": lambda token: "*" + token[1:],
}


@pytest.fixture
async def token(staff: Rest) -> str:
    """Where a list of orders goes on."""
    answer = await staff("GET", "/orders?per_page=1")
    found: str = answer.json()["meta"]["next_page_token"]
    assert (await staff("GET", f"/orders?page_token={encoded(decoded(found))}")).is_success
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

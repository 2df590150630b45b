"""Missing, expired and forged tokens, on both doors: the edge and the services themselves."""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import grpc
import httpx
import jwt
import pytest

from emporium.order.v1 import order_service_pb2, order_service_pb2_grpc
from server.kit import auth
from server.local.cluster import Cluster
from tests.e2e.conftest import Rest, error_of, target

Forge = Callable[[Cluster], str]


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": "emporium",
        "aud": "emporium",
        "sub": str(uuid.uuid4()),
        "sid": str(uuid.uuid4()),
        "role": "ADMIN",
        "iat": now,
        "exp": now + 600,
        "jti": "1",
        **changes,
    }


def signed(cluster: Cluster, key_name: str = "user", **changes: Any) -> str:
    """A token by one of the cluster's own keys, with some claims changed or (None) left out."""
    key = json.loads((cluster.home.keys / f"{key_name}.json").read_text())
    content = {name: value for name, value in claims(**changes).items() if value is not None}
    headers = {"kid": key["kid"], "typ": "at+jwt"}
    return jwt.encode(content, jwt.PyJWK(key).key, algorithm="EdDSA", headers=headers)


def by_a_strange_key(cluster: Cluster) -> str:
    key = auth.new_key("user-1")
    headers = {"kid": "user-1", "typ": "at+jwt"}
    return jwt.encode(claims(), jwt.PyJWK(key).key, algorithm="EdDSA", headers=headers)


def unsigned(cluster: Cluster) -> str:
    return jwt.encode(claims(), "", algorithm="none", headers={"kid": "user-1", "typ": "at+jwt"})


BAD_TOKENS: dict[str, tuple[Forge, set[str]]] = {
    "expired": (
        lambda cluster: signed(cluster, iat=1, exp=int(time.time()) - 3600),
        {"TOKEN_EXPIRED"},
    ),
    "by a strange key": (by_a_strange_key, {"INVALID_TOKEN"}),
    "not signed": (unsigned, {"INVALID_TOKEN"}),
    "without an end": (lambda cluster: signed(cluster, exp=None), {"INVALID_TOKEN"}),
    "without a session": (lambda cluster: signed(cluster, sid=None), {"INVALID_TOKEN"}),
    "for somebody else's API": (lambda cluster: signed(cluster, aud="other"), {"INVALID_TOKEN"}),
    "by another issuer": (lambda cluster: signed(cluster, iss="other"), {"INVALID_TOKEN"}),
    "an admin by a service's key": (
        lambda cluster: signed(cluster, "service-order"),
        {"INVALID_TOKEN"},
    ),
    "that ends in words": (lambda cluster: signed(cluster, exp="string"), {"INVALID_TOKEN"}),
    "that never ends": (lambda cluster: signed(cluster, exp=1e300), {"INVALID_TOKEN"}),
    "that ends in a century": (
        lambda cluster: signed(cluster, exp=int(time.time()) + 3_155_760_000),
        {"INVALID_TOKEN"},
    ),
    "no token at all": (lambda cluster: "nonsense", {"INVALID_TOKEN"}),
}


@pytest.mark.parametrize("name", BAD_TOKENS)
async def test_a_bad_token_is_refused_by_rest(
    name: str, cluster: Cluster, http: httpx.AsyncClient
) -> None:
    forge, codes = BAD_TOKENS[name]
    answer = await Rest(http, forge(cluster))("GET", "/orders")
    assert error_of(answer, 401)["code"] in codes


@pytest.mark.parametrize("door", ["edge", "service"])
@pytest.mark.parametrize("name", BAD_TOKENS)
async def test_a_bad_token_is_refused_by_grpc(name: str, door: str, cluster: Cluster) -> None:
    metadata = [("authorization", f"Bearer {BAD_TOKENS[name][0](cluster)}")]
    async with grpc.aio.insecure_channel(target(cluster, door)) as channel:
        stub = order_service_pb2_grpc.OrderServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.ListOrders(
                order_service_pb2.ListOrdersRequest(), metadata=metadata, timeout=10
            )
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("door", ["edge", "service"])
async def test_a_missing_token_is_refused_by_grpc(door: str, cluster: Cluster) -> None:
    async with grpc.aio.insecure_channel(target(cluster, door)) as channel:
        stub = order_service_pb2_grpc.OrderServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.ListOrders(order_service_pb2.ListOrdersRequest(), timeout=10)
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_missing_token_is_refused_by_rest(anyone: Rest) -> None:
    assert error_of(await anyone("GET", "/orders"), 401)["code"] == "UNAUTHENTICATED"


async def test_a_token_in_the_query_is_no_token(anyone: Rest, cluster: Cluster) -> None:
    answer = await anyone("GET", f"/orders?access_token={cluster.token('admin')}")
    assert error_of(answer, 401)["code"] == "UNAUTHENTICATED"


async def test_wrong_credentials_tell_nothing(anyone: Rest, cluster: Cluster) -> None:
    email = cluster.login("customer").email
    wrong = await anyone("POST", "/auth/login", {"email": email, "password": "wrong"})
    unknown = await anyone("POST", "/auth/login", {"email": "no@example.com", "password": "wrong"})
    first, second = error_of(wrong, 401), error_of(unknown, 401)
    assert (first["code"], first["message"]) == (second["code"], second["message"])
    assert first["code"] == "BAD_CREDENTIALS"


async def test_the_key_set_is_a_bare_document_by_which_anybody_verifies_tokens(
    http: httpx.AsyncClient, cluster: Cluster
) -> None:
    answer = await http.get("/.well-known/jwks.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/jwk-set+json"
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert set(answer.json()) == {"keys"}
    assert not [key for key in answer.json()["keys"] if "d" in key]
    token = cluster.token("customer")
    key = jwt.PyJWKSet.from_dict(answer.json())[jwt.get_unverified_header(token)["kid"]]
    found = jwt.decode(token, key, algorithms=["EdDSA"], audience="emporium", issuer="emporium")
    assert found["role"] == "CUSTOMER"

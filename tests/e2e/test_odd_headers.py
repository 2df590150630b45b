"""Headers beyond ASCII: refused by their name at the edge and at the services, and in no log."""

import secrets

import pytest

from server.local.cluster import Cluster
from tests.e2e.conftest import Rest, error_of, target
from tests.server.kit.raw_peer import RawCall, framed

LIST_PRODUCTS = "/emporium.order.v1.CatalogService/ListProducts"
INVALID_ARGUMENT = "3"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("name", ["idempotency-key", "authorization", "x-anything"])
async def test_a_header_beyond_ascii_is_refused_by_its_name(
    cluster: Cluster, anyone: Rest, name: str, encoding: str
) -> None:
    """It may be a token, with a slip of the hand."""
    canary = secrets.token_hex(16)
    value = f"{canary}é".encode(encoding)
    told = f"the header {name} may hold nothing but ASCII"
    answer = await anyone("GET", "/products", headers={name: value})  # type: ignore[dict-item]  # bytes
    error = error_of(answer, 400)
    assert (error["code"], error["message"]) == ("MALFORMED_REQUEST", told)
    for door in ("edge", "service"):
        port = int(target(cluster, door).rpartition(":")[2])
        async with RawCall(port, LIST_PRODUCTS, framed(b""), headers={name: value}) as call:
            ended = await call.end()
        assert (ended["grpc-status"], ended["grpc-message"]) == (INVALID_ARGUMENT, told)
        async with RawCall(port, LIST_PRODUCTS, framed(b""), headers={"x-anything": "~"}) as call:
            assert (await call.end())["grpc-status"] == "0"
    log = cluster.home.log_file("order").read_text(encoding="utf-8")
    assert canary not in log
    assert "Invalid encoding" not in log

"""The TypeScript client for Node.js against a real gRPC server that answers as it is set."""

import asyncio
import socket
from pathlib import Path
from typing import Any
from uuid import UUID

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RequestInfo, RetryInfo

from emporium import LoginResponse, Order, Product
from emporium.limits import MESSAGE_BYTES_MAX
from emporium.order.v1.catalog_service_pb2 import ListProductsResponse
from emporium.type.v1.page_pb2 import PageMeta
from tests.clients.fake_shop import Engine, FakeShop, answer, open_shop, refuse, unavailable
from tests.typescript import Calls, called

pytestmark = pytest.mark.timeout(240)  # the first one builds the client
ID = "01900000-0000-7000-8000-000000000000"


async def test_a_create_is_retried_with_one_key_and_answered(
    typescript: Path, server: FakeShop
) -> None:
    server.will("CreateOrder", unavailable(), unavailable(), answer(Order(id=ID)))
    create = ("order.createOrder", {"items": [{"productId": ID, "quantity": 2}]})
    [first, _] = await called(
        typescript, Calls(server.address, [create, create], options={"token": "a-token"})
    )
    assert first["answer"]["id"] == ID
    *keys, another = [UUID(call.request.request_id) for call in server.served]
    assert len(keys) == 3
    assert len({*keys}) == 1
    assert another not in keys
    assert server.last.request.items[0].quantity == 2
    assert server.last.metadata["authorization"] == "Bearer a-token"
    assert server.last.time_left is not None
    assert 9 < server.last.time_left <= 10


async def test_a_refusal_tells_all_that_the_server_has_told(
    typescript: Path, server: FakeShop
) -> None:
    violation = BadRequest.FieldViolation(field="items[1].quantity", description="must be above 0")
    details = [
        ErrorInfo(reason="VALIDATION_FAILED", domain="emporium"),
        BadRequest(field_violations=[violation]),
        RequestInfo(request_id="the-servers"),
        RetryInfo(retry_delay=Duration(seconds=2)),
    ]
    server.will("CreateOrder", refuse(grpc.StatusCode.INVALID_ARGUMENT, "ä sentence", details))
    [outcome] = await called(typescript, Calls(server.address, [("order.createOrder", {})]))
    assert outcome["error"] == {
        "name": "InvalidRequest",
        "message": "ä sentence",
        "reason": "VALIDATION_FAILED",
        "violations": [{"field": "items[1].quantity", "description": "must be above 0"}],
        "requestId": "the-servers",
        "retryAfterSeconds": 2,
    }


async def test_a_login_is_kept_and_renewed_when_its_token_is_refused(
    typescript: Path, server: FakeShop
) -> None:
    def given(number: int) -> LoginResponse:
        return LoginResponse(
            access_token=f"access-{number}", refresh_token=f"refresh-{number}", expires_in=600
        )

    expired = [ErrorInfo(reason="TOKEN_EXPIRED")]
    server.will("Login", answer(given(1))).will("Refresh", answer(given(2)))
    server.will("UpdateUser", refuse(grpc.StatusCode.UNAUTHENTICATED, "no", expired))
    calls: Any = [("auth.login", {}), ("user.updateUser", {}), ("session.logout", {})]
    outcomes = await called(typescript, Calls(server.address, calls))
    assert all("answer" in outcome for outcome in outcomes), outcomes
    assert [(call.rpc, call.metadata.get("authorization")) for call in server.served] == [
        ("Login", None),
        ("UpdateUser", "Bearer access-1"),
        ("Refresh", None),
        ("UpdateUser", "Bearer access-2"),
        ("Logout", "Bearer access-2"),
    ]


async def test_a_list_is_read_to_its_end(typescript: Path, server: FakeShop) -> None:
    for ids, following in ((["1", "2"], "more"), (["3"], "")):
        page = ListProductsResponse(
            products=[Product(id=each) for each in ids], meta=PageMeta(next_page_token=following)
        )
        server.will("ListProducts", answer(page))
    calls: Any = [("catalog.listProducts[]", {"page": 2})]
    [outcome] = await called(typescript, Calls(server.address, calls))
    assert [product["id"] for product in outcome["answer"]] == ["1", "2", "3"]
    asked = [(call.request.page, call.request.page_token) for call in server.served]
    assert asked == [(2, ""), (0, "more")]


async def test_where_nobody_listens_a_call_is_unavailable(typescript: Path) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # and never listens
        address = f"127.0.0.1:{reserved.getsockname()[1]}"
        calls: Any = [("user.getUser", {}), ("user.updateUser", {})]
        outcomes = await called(typescript, Calls(address, calls))
    assert [outcome["error"]["name"] for outcome in outcomes] == ["Unavailable"] * 2


@pytest.mark.parametrize("is_reset", [True, False])
async def test_where_the_connection_breaks_a_safe_call_is_made_again(
    typescript: Path, is_reset: bool
) -> None:
    """It is no answer, whatever Node.js calls it."""
    dropped = 0

    async def drop(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal dropped
        dropped += 1
        if is_reset:
            writer.transport.abort()
        else:
            await reader.read(1)
            writer.close()

    broken = await asyncio.start_server(drop, "127.0.0.1", 0)
    async with broken:
        address = f"127.0.0.1:{broken.sockets[0].getsockname()[1]}"
        calls: Any = [("user.getUser", {"userId": ID}), ("user.updateUser", {})]
        outcomes = await called(typescript, Calls(address, calls))
    assert [outcome["error"]["name"] for outcome in outcomes] == ["Unavailable"] * 2
    assert dropped == 6  # five attempts, and one


async def test_a_call_that_is_not_answered_ends_with_its_deadline(
    typescript: Path, server: FakeShop
) -> None:
    async def never(_: Any, __: Engine) -> Any:
        await asyncio.Event().wait()

    server.will("UpdateUser", never)
    calls: Any = [("user.updateUser", {}, {"timeoutMs": 50})]
    [outcome] = await called(typescript, Calls(server.address, calls))
    assert outcome["error"]["name"] == "DeadlineExceeded"
    assert outcome["error"]["requestId"] == server.last.metadata["x-request-id"]


async def test_what_is_too_large_is_not_sent(typescript: Path, server: FakeShop) -> None:
    calls: Any = [("user.createUser", {"fullName": {"repeated": MESSAGE_BYTES_MAX}})]
    [outcome] = await called(typescript, Calls(server.address, calls))
    assert outcome["error"]["name"] == "TooLarge"
    assert server.served == []


async def test_services_may_have_addresses_of_their_own(typescript: Path) -> None:
    async with open_shop() as users, open_shop() as orders:
        targets = {"user": users.address, "order": orders.address}
        calls: Any = [("user.getUser", {}), ("order.getOrder", {}), ("catalog.getProduct", {})]
        await called(typescript, Calls(targets, calls))
    assert [call.rpc for call in users.served] == ["GetUser"]
    assert [call.rpc for call in orders.served] == ["GetOrder", "GetProduct"]

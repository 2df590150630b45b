"""Answers of many messages: what is sent for them, how they end, and what is raised."""

from contextlib import aclosing

import grpc
import pytest

from emporium import Cancelled, Emporium, PermissionDenied
from emporium.order.v1.order_service_pb2 import WatchOrderResponse
from emporium.user.v1.revocation_service_pb2 import WatchRevocationsResponse
from tests.clients.fake_shop import FakeShop, answer, refuse


async def test_a_stream_is_asked_for_with_a_token_and_without_a_deadline(
    shop: Emporium, server: FakeShop
) -> None:
    shop.token = "secret"
    part = WatchRevocationsResponse(position=7, complete=True)
    server.will("WatchRevocations", answer(part), answer(part))
    for position in (0, 7):
        assert [each async for each in shop.revocations.watch(position)] == [part]
        assert server.last.metadata["authorization"] == "Bearer secret"
        assert server.last.time_left is None
        assert server.last.request.HasField("after_position") == bool(position)
        assert server.last.request.after_position == position


async def test_a_refusal_of_a_stream_is_an_error_of_its_kind(
    shop: Emporium, server: FakeShop
) -> None:
    server.will("WatchRevocations", refuse(grpc.StatusCode.PERMISSION_DENIED))
    with pytest.raises(PermissionDenied):
        await anext(shop.revocations.watch())


async def test_a_stream_of_a_client_that_is_closed_is_cancelled(
    shop: Emporium, server: FakeShop
) -> None:
    async with aclosing(shop.revocations.watch()) as parts:
        await anext(parts)
        await shop.close()
    with pytest.raises(Cancelled):
        await anext(shop.revocations.watch())


async def test_an_order_is_watched_to_its_end_however_often_the_server_ends_the_stream(
    shop: Emporium, server: FakeShop
) -> None:
    first, last = WatchOrderResponse(token="1"), WatchOrderResponse(token="2", is_last=True)
    server.will("WatchOrder", answer(first), answer(last))
    assert [each async for each in shop.orders.watch("an-id")] == [first, last]
    assert [call.request.after for call in server.served] == ["", "1"]

"""The campaigns' own client, against a gRPC server that answers with what it gets."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from tests.campaign.http2 import Connection, Lost, Request, connected
from tests.campaign.rpcs import grpc_request

RPC = "/campaign.Echo/Echo"


async def echo(message: bytes, context: object) -> bytes:
    return message


@pytest.fixture
async def server() -> AsyncIterator[grpc.aio.Server]:
    made = grpc.aio.server()
    echoing: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(echo)
    handlers = grpc.method_handlers_generic_handler("campaign.Echo", {"Echo": echoing})
    made.add_generic_rpc_handlers([handlers])
    yield made
    await made.stop(0)


@pytest.fixture
async def connection(server: grpc.aio.Server) -> AsyncIterator[Connection]:
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    made = await connected(port)
    yield made
    made.close()


async def test_bodies_larger_than_any_window_go_there_and_come_back(connection: Connection) -> None:
    sent = [bytes([n]) * 2_000_000 for n in range(3)]
    answers = await asyncio.gather(*(connection.call(grpc_request(RPC, body)) for body in sent))
    assert [bytes(answer.body[5:]) for answer in answers] == sent
    assert {answer.outcome for answer in answers} == {"grpc 0"}
    assert all(answer.is_success for answer in answers)


async def test_a_refusal_is_an_answer(connection: Connection) -> None:
    answer = await connection.call(grpc_request("/campaign.Echo/Other", b""))
    assert (answer.outcome, answer.is_success) == ("grpc 12", False)


async def test_a_request_without_an_end_waits_and_is_lost_with_its_connection(
    server: grpc.aio.Server, connection: Connection
) -> None:
    whole = grpc_request(RPC, b"x" * 100)
    half = Request("POST", whole.path, whole.headers[:2], whole.body[:50], ends=False)
    waiting = asyncio.create_task(connection.call(half))
    assert (await connection.call(whole)).is_success  # and others are answered meanwhile
    assert not waiting.done()
    connection.close()
    with pytest.raises(Lost):
        await waiting
    with pytest.raises(Lost):
        await connection.call(whole)

"""A call is counted once, and as the same, whichever door it is made by."""

import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from emporium.options.v1 import options_pb2
from server.local.cluster import Cluster
from server.local.home import keys
from tests import asking
from tests.asking import RPCS
from tests.campaign.http2 import Connection, Request, connected
from tests.e2e.conftest import UNLIMITED_PER_MINUTE
from tests.e2e.doors.contract import contract
from tests.e2e.doors.differences import unsaid_by
from tests.e2e.doors.doors import Door, Doors
from tests.e2e.doors.outcomes import Outcome
from tests.e2e.doors.strategies import least

LIMITED = [rpc for rpc in RPCS if rpc.GetOptions().Extensions[options_pb2.rate_limit].name]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def edge(cluster: Cluster) -> AsyncIterator[Connection]:
    connection = await connected(int(cluster.edge_url.rpartition(":")[2]))
    yield connection
    connection.close()


async def left(edge: Connection, request: Request, token: str | None) -> int:
    """How many calls the caller has left, after the one that asks."""
    bearer = f"Bearer {token}" if token else None
    answer = await edge.call(asking.with_header(request, "authorization", bearer))
    return int(answer.headers["x-rate-limit-remaining"])


async def counted(cluster: Cluster, edge: Connection, door: Door, rpc: MethodDescriptor) -> int:
    """As how many calls of a caller one by that door counts."""
    token = keys.token(cluster.home, str(uuid.uuid4()), "CUSTOMER", 600)
    await door.ask(rpc, least(contract(), rpc), token)
    return UNLIMITED_PER_MINUTE - await left(edge, Request("GET", "/nowhere"), token) - 1


@pytest.mark.parametrize("rpc", RPCS, ids=lambda rpc: rpc.full_name)
async def test_a_call_of_each_door_counts_once(
    rpc: MethodDescriptor, cluster: Cluster, edge: Connection, all_doors: Doors
) -> None:
    message = least(contract(), rpc)
    every = {**all_doors.inside, **all_doors.edge}
    doors = {name: door for name, door in every.items() if not unsaid_by(name, rpc, message)}
    found = {name: await counted(cluster, edge, door, rpc) for name, door in doors.items()}
    is_counted = not rpc.GetOptions().Extensions[options_pb2.unlimited]
    assert found == {name: int(name in all_doors.edge and is_counted) for name in doors}


@pytest.mark.parametrize("rpc", LIMITED, ids=lambda rpc: rpc.full_name)
async def test_a_limit_of_its_own_is_lowered_by_every_door(
    rpc: MethodDescriptor, edge: Connection, all_doors: Doors
) -> None:
    message = least(contract(), rpc)
    by_rest = next(asking.by_rest(rpc, message))
    for name, door in all_doors.edge.items():
        if unsaid_by(name, rpc, message):
            continue
        before = await left(edge, by_rest, None)
        await door.ask(rpc, message, None)
        assert before - await left(edge, by_rest, None) == 2, name


async def test_a_door_that_calls_twice_is_seen(
    cluster: Cluster, edge: Connection, all_doors: Doors
) -> None:
    class Twice:
        async def ask(self, rpc: MethodDescriptor, message: Message, token: str | None) -> Outcome:
            await all_doors.edge["gRPC"].ask(rpc, message, token)
            return await all_doors.edge["gRPC"].ask(rpc, message, token)

    assert await counted(cluster, edge, Twice(), LIMITED[0]) == 2

"""Whatever MongoDB answers instead of doing it, through the service's gRPC door.

Its own fail points answer for it, to this service's connections alone; it is a real mongod.
"""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp
from pymongo import AsyncMongoClient

from emporium.analytics.v1 import event_service_pb2 as event_pb
from emporium.analytics.v1 import personal_data_service_pb2 as held_pb
from emporium.analytics.v1 import report_service_pb2 as report_pb
from server.analytics.app import registrations
from server.analytics.migrations import mongo as migrations
from server.kit import mongo as kit_mongo
from server.local.engines.mongo import EmbeddedMongo
from server.settings import Mongo
from tests.discovery import contract, served_by
from tests.server.analytics.doors import Door, batch
from tests.server.analytics.sales.histories import placed
from tests.server.conftest import Serve, Token
from tests.server.kit.ping import Believing
from tests.server.refusals import refused
from tests.waiting import until

Client = AsyncMongoClient[dict[str, Any]]

NAME = "emporium_analytics"
COMMANDS = ["insert", "update", "find", "aggregate", "findAndModify"]
# Who may call each rpc, and how much a call of it records.
RPCS = {
    "RecordEvent": (("CUSTOMER",), 1),
    "RecordDomainEvents": (("SERVICE", "order"), 2),
    "GetSalesReport": (("STAFF",), 0),
    "EraseActivity": (("SERVICE", "user"), 0),
    "ExportActivity": (("SERVICE", "user"), 0),
}

# What a fault is to the caller: status and reason.
AWAY = (grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE")
LATE = (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
MET = (grpc.StatusCode.FAILED_PRECONDITION, "CONFLICT")
FULL = (grpc.StatusCode.UNAVAILABLE, "OUT_OF_SPACE")
OURS = (grpc.StatusCode.INTERNAL, "INTERNAL")
FAULTS: dict[str, tuple[dict[str, Any], tuple[grpc.StatusCode, str]]] = {
    "the connection is cut": ({"closeConnection": True}, AWAY),
    "not the primary": ({"errorCode": 10107}, AWAY),
    "shutting down": ({"errorCode": 91}, AWAY),
    "no answer": ({"blockConnection": True, "blockTimeMS": 5_000}, LATE),
    "out of time there": ({"errorCode": 50}, LATE),
    "another transaction was first": (
        {"errorCode": 112, "errorLabels": ["TransientTransactionError"]},
        MET,
    ),
    "out of disk space": ({"errorCode": 14031}, FULL),
    "something unheard of": ({"errorCode": 8000}, OURS),
}
UNCONFIRMED = {"writeConcernError": {"code": 64, "errmsg": "late", "errInfo": {"wtimeout": True}}}


@dataclass
class Failing:
    """The service's doors, and what makes its database fail."""

    doors: dict[str, Door]
    admin: Client

    async def call(self, rpc: str, request: Any) -> Any:
        """Calls it as somebody who may."""
        return await self.doors[rpc](rpc, request)

    async def succeeds(self, rpc: str, request: Any) -> bool:
        """Whether the service has found its database again."""
        try:
            await self.call(rpc, request)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            return False
        return True

    async def fail(self, fault: dict[str, Any]) -> None:
        """From now on every command of the service meets `fault`."""
        data = {"failCommands": COMMANDS, "appName": NAME, **fault}
        point = ("configureFailPoint", "failCommand")
        await self.admin.admin.command(*point, mode="alwaysOn", data=data)

    async def recover(self) -> None:
        """Everything is well again."""
        await self.admin.admin.command("configureFailPoint", "failCommand", mode="off")

    async def counted(self) -> int:
        """How much has been recorded: events of people, and orders that events told of."""
        database = self.admin[NAME]
        return sum([await database[name].count_documents({}) for name in ("events", "orders")])


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["pymongo", "motor"])
async def failing(
    request: pytest.FixtureRequest, engines_folder: Path, serve: Serve, token: Token
) -> AsyncIterator[Failing]:
    own = EmbeddedMongo(engines_folder / f"failing-{request.param}", durable=False)
    own.child.command = [*own.child.command, "--setParameter=enableTestCommands=1"]
    async with own, Client(own.uri) as admin:
        await migrations.upgrade(own.uri, NAME)
        settings = Mongo(
            mongodb_uri=f"{own.uri}&heartbeatFrequencyMS=500",  # else it looks every ten seconds
            mongodb_database=NAME,
            mongodb_driver=request.param,
            mongodb_timeout_seconds=1.5,
        )
        async with (
            kit_mongo.connected(settings) as connected,
            serve(registrations(connected, "ZMW"), Believing()) as channel,
        ):
            doors = {rpc: Door(channel, token(*whose)) for rpc, (whose, _) in RPCS.items()}
            yield Failing(doors, admin)


def asked(rpc: str) -> Any:
    """A request that may be sent again, and then counts once."""
    if rpc == "RecordEvent":
        return event_pb.RecordEventRequest(request_id=str(uuid.uuid4()), type="product.viewed")
    if rpc == "RecordDomainEvents":
        return batch(placed("ZMW"), placed("ZMW"))
    if rpc == "EraseActivity":
        erased_at = Timestamp(seconds=1_800_000_000)
        return held_pb.EraseActivityRequest(user_id=str(uuid.uuid4()), erased_at=erased_at)
    if rpc == "ExportActivity":
        return held_pb.ExportActivityRequest(user_id=str(uuid.uuid4()))
    return report_pb.GetSalesReportRequest(currency="ZMW")


def test_every_rpc_is_tried() -> None:
    served = served_by("analytics")
    assert set(RPCS) == {
        method.name
        for service in contract()
        if service.full_name in served
        for method in service.methods
    }


@pytest.mark.parametrize("rpc", RPCS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_each_failure_is_told_and_leaves_nothing_half_done(
    fault: str, rpc: str, failing: Failing
) -> None:
    provoked, told = FAULTS[fault]
    request, before = asked(rpc), await failing.counted()
    await failing.fail(provoked)
    try:
        found = await refused(failing.call(rpc, request))
    finally:
        await failing.recover()
    assert (found.code, found.reason) == told
    assert "failpoint" not in found.message
    assert await failing.counted() == before
    await until(lambda: failing.succeeds(rpc, request))  # the driver looks for the server again
    await failing.call(rpc, request)  # a repeat, which counts for nothing
    assert await failing.counted() == before + RPCS[rpc][1]


async def test_a_write_that_a_majority_has_not_confirmed_is_late_and_counts_once(
    failing: Failing,
) -> None:
    request, before = asked("RecordEvent"), await failing.counted()
    await failing.fail(UNCONFIRMED)
    try:
        found = await refused(failing.call("RecordEvent", request))
    finally:
        await failing.recover()
    assert (found.code, found.reason) == LATE
    await until(lambda: failing.succeeds("RecordEvent", request))
    assert await failing.counted() == before + 1

"""The analytics service through its gRPC door: what people do in the shop."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from emporium.analytics.v1 import event_service_pb2 as event_pb
from tests.server.analytics.doors import VIEWED, DoorOf
from tests.server.refusals import refused


async def test_an_event_is_the_callers_and_happened_now(door: DoorOf) -> None:
    ann = str(uuid.uuid4())
    before = datetime.now(UTC) - timedelta(microseconds=1)
    event = await door("CUSTOMER", ann)("RecordEvent", VIEWED)
    assert (event.user_id, event.type, dict(event.properties)) == (
        ann,
        "product.viewed",
        {"product_id": "7"},
    )
    assert before <= event.occurred_at.ToDatetime(UTC) <= datetime.now(UTC)
    assert uuid.UUID(event.id).version == 7


async def test_an_event_without_an_id_is_one_of_its_own(door: DoorOf) -> None:
    ann = door("CUSTOMER")
    assert (await ann("RecordEvent", VIEWED)).id != (await ann("RecordEvent", VIEWED)).id


async def test_a_repeated_event_gets_the_first_answer(door: DoorOf) -> None:
    ann = door("CUSTOMER", str(uuid.uuid4()))
    request = event_pb.RecordEventRequest(
        request_id=str(uuid.uuid4()),
        type="search.made",
        occurred_at=Timestamp(seconds=1_500_000_000, nanos=123_456_789),
    )
    first = await ann("RecordEvent", request)
    assert first.occurred_at == Timestamp(seconds=1_500_000_000, nanos=123_456_000)
    request.request_id = request.request_id.upper()
    assert await ann("RecordEvent", request) == first


async def test_an_id_cannot_stand_for_another_event_or_another_caller(door: DoorOf) -> None:
    ann, key = door("CUSTOMER"), ("idempotency-key", str(uuid.uuid4()))
    first = await ann("RecordEvent", VIEWED, key)
    assert first.id == key[1]
    other = event_pb.RecordEventRequest(type="product.liked")
    for found in (
        await refused(ann("RecordEvent", other, key)),
        await refused(door("CUSTOMER")("RecordEvent", VIEWED, key)),
    ):
        assert (found.code, found.reason, found.fields) == (
            grpc.StatusCode.ALREADY_EXISTS,
            "EVENT_ID_REUSED",
            ["request_id"],
        )


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"type": "Viewed"}, "type"),
        ({"type": "order.placed"}, "type"),
        ({"occurred_at": Timestamp(seconds=4_000_000_000)}, "occurred_at"),
        ({"occurred_at": Timestamp(seconds=-99_999_999_999)}, "occurred_at"),
        ({"occurred_at": Timestamp(seconds=1, nanos=-1)}, "occurred_at"),
        ({"occurred_at": Timestamp(seconds=1, nanos=2_000_000_000)}, "occurred_at"),
        ({"request_id": "7"}, "request_id"),
        ({"properties": {"a key": "x"}}, "properties[a key]"),
        ({"properties": {"$where": "x"}}, "properties[$where]"),
        ({"properties": {"key": "x" * 513}}, "properties[key]"),
        ({"properties": {"key": "a\0b"}}, "properties[key]"),
    ],
)
async def test_an_event_that_breaks_a_rule_is_refused_by_name(
    door: DoorOf, fields: dict[str, Any], named: str
) -> None:
    request = event_pb.RecordEventRequest(**{"type": "product.viewed", **fields})
    found = await refused(door("CUSTOMER")("RecordEvent", request))
    assert found.reason == "VALIDATION_FAILED"
    assert found.fields == [named]


async def test_a_key_that_is_no_uuid_is_refused_as_the_request_id(door: DoorOf) -> None:
    found = await refused(door("CUSTOMER")("RecordEvent", VIEWED, ("idempotency-key", "mine")))
    assert (found.reason, found.fields) == ("VALIDATION_FAILED", ["request_id"])


async def test_a_service_does_nothing_in_the_shop(door: DoorOf) -> None:
    found = await refused(door("SERVICE")("RecordEvent", VIEWED))
    assert found.reason == "PERMISSION_DENIED"

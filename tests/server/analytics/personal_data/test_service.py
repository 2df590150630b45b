"""What is left of a person who was erased, and what is handed out of one who was not."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from emporium.analytics.v1 import event_service_pb2 as event_pb
from emporium.analytics.v1 import personal_data_service_pb2 as held_pb
from emporium.analytics.v1 import report_service_pb2 as report_pb
from emporium.type.v1.personal_data_pb2 import ErasureReceipt
from server.analytics.audit.store import MongoWaiting
from server.analytics.sales.rules import State
from server.kit.audit.writer import AuditWriter
from server.kit.context import Role
from server.kit.wire import timestamp
from tests.server.analytics.conftest import NewCurrency
from tests.server.analytics.doors import DoorOf, batch
from tests.server.analytics.sales.histories import became, placed
from tests.server.refusals import refused

WHEN = timestamp(datetime(2026, 5, 17, 12, tzinfo=UTC))
CANARY = "9 Canary Row"


def erase(user_id: str) -> held_pb.EraseActivityRequest:
    return held_pb.EraseActivityRequest(user_id=user_id, erased_at=WHEN)


def seen(**fields: Any) -> event_pb.RecordEventRequest:
    return event_pb.RecordEventRequest(
        type="product.viewed", properties={"from_page": CANARY}, **fields
    )


@pytest.fixture
def ann() -> str:
    return str(uuid.uuid4())


async def report(door: DoorOf, currency: str) -> Any:
    asked = report_pb.GetSalesReportRequest(currency=currency)
    return await door("STAFF")("GetSalesReport", asked)


async def export(door: DoorOf, user_id: str, **fields: str) -> Any:
    asked = held_pb.ExportActivityRequest(user_id=user_id, **fields)
    return (await door("SERVICE", "user")("ExportActivity", asked)).parts


async def test_what_a_person_did_goes_and_the_reports_stay(
    door: DoorOf, ann: str, new_currency: NewCurrency
) -> None:
    currency = new_currency()
    for _ in range(3):
        await door("CUSTOMER", ann)("RecordEvent", seen())
    other = str(uuid.uuid4())
    await door("CUSTOMER", other)("RecordEvent", seen())
    sale = replace(placed(currency), user_id=ann)
    await door("SERVICE")("RecordDomainEvents", batch(sale, placed(currency)))
    before = await report(door, currency)
    assert before.total.orders == 2

    receipt: ErasureReceipt = await door("SERVICE", "user")("EraseActivity", erase(ann))
    assert (receipt.store, receipt.state) == ("analytics/mongodb", ErasureReceipt.COMPLETE)
    assert receipt.erased == {"activity": 3, "sales": 1, "first_answers": 0}
    assert await report(door, currency) == before
    assert [part.record_count for part in await export(door, ann)] == [0, 0]
    assert [part.record_count for part in await export(door, other)] == [1, 0]
    assert await door("SERVICE", "user")("EraseActivity", erase(ann.upper())) == receipt


async def test_what_comes_late_brings_nobody_back(
    door: DoorOf, ann: str, new_currency: NewCurrency
) -> None:
    currency = new_currency()
    known, late = (replace(placed(currency), user_id=ann) for _ in range(2))
    await door("SERVICE")("RecordDomainEvents", batch(known))
    await door("SERVICE", "user")("EraseActivity", erase(ann))

    found = await refused(door("CUSTOMER", ann)("RecordEvent", seen()))
    assert found.reason == "ACCOUNT_INACTIVE"
    # Replayed, or sent by a relay that had read them before.
    again = [late, became(known, State.CANCELLED)]
    answer = await door("SERVICE")("RecordDomainEvents", batch(*again))
    assert (answer.recorded, answer.repeated) == (2, 0)
    assert [part.record_count for part in await export(door, ann)] == [0, 0]
    total = (await report(door, currency)).total
    assert (total.orders, total.cancelled_orders) == (2, 1)


async def test_sales_without_a_buyer_count_as_others_do(
    door: DoorOf, new_currency: NewCurrency
) -> None:
    currency = new_currency()
    sale = replace(placed(currency), user_id="")
    await door("SERVICE")("RecordDomainEvents", batch(sale))
    await door("SERVICE")("RecordDomainEvents", batch(became(sale, State.REFUNDED)))
    total = (await report(door, currency)).total
    assert (total.orders, total.refunded_orders) == (1, 1)


async def test_an_export_has_what_was_done_and_bought(
    door: DoorOf, ann: str, new_currency: NewCurrency
) -> None:
    done = await door("CUSTOMER", ann)("RecordEvent", seen())
    sale = replace(placed(new_currency()), user_id=ann)
    await door("SERVICE")("RecordDomainEvents", batch(sale))
    activity, sales = await export(door, ann)
    assert (activity.name, sales.name) == ("activity", "sales")
    [record] = activity.records
    assert (record["id"], record["type"]) == (done.id, "product.viewed")
    assert record["properties"]["from_page"] == CANARY
    assert "content_hash" not in record
    [record] = sales.records
    assert (record["order_id"], record["total_price"]) == (sale.order_id, "10.00")


async def test_much_comes_in_pages_of_bounded_size(door: DoorOf, ann: str) -> None:
    """Each event is 40 KB, and so is what 25 of them make of a page."""
    wide = {f"{n:02}": "🎁" * 512 for n in range(20)}
    count = 60
    for _ in range(count):
        sent = event_pb.RecordEventRequest(type="product.viewed", properties=wide)
        await door("CUSTOMER", ann)("RecordEvent", sent)
    ids, token, pages = set(), "", 0
    while token or not pages:
        [part] = await export(door, ann, part="activity", page_token=token)
        assert part.record_count == count
        assert part.ByteSize() < 1_100_000
        ids |= {record["id"] for record in part.records}
        token, pages = part.next_page_token, pages + 1
    assert len(ids) == count
    assert pages > 1


@pytest.mark.parametrize("part", ["activity", "sales"])
async def test_a_page_that_there_is_not_is_refused(door: DoorOf, ann: str, part: str) -> None:
    found = await refused(export(door, ann, part=part, page_token="none"))
    assert found.reason == "INVALID_PAGE_TOKEN"
    assert (await refused(export(door, ann, part="orders"))).reason == "INVALID_FILTER"


async def test_an_erasure_leaves_a_record_that_commits_with_the_tombstone(
    door: DoorOf, ann: str, waiting: MongoWaiting
) -> None:
    await door("SERVICE", "user")("EraseActivity", erase(ann))
    kept = [each for each in await waiting.first(100_000) if each.subject_id == ann]
    assert [(each.actor_id, each.actor_role, each.outcome) for each in kept] == [
        ("service:user", Role.SERVICE, "OK")
    ], "though nobody has gathered any"
    assert kept[0].action == "emporium.analytics.v1.PersonalDataService/EraseActivity"


async def test_an_erasure_that_is_repeated_leaves_one_too(
    door: DoorOf, ann: str, waiting: MongoWaiting, audit: AuditWriter
) -> None:
    for _ in range(2):
        await door("SERVICE", "user")("EraseActivity", erase(ann))
    await audit.flush()
    kept = [each for each in await waiting.first(100_000) if each.subject_id == ann]
    assert [(each.actor_id, each.outcome) for each in kept] == [("service:user", "OK")] * 2


async def test_an_erasure_that_is_refused_leaves_one_too(
    door: DoorOf, ann: str, waiting: MongoWaiting, audit: AuditWriter
) -> None:
    before = await waiting.first(100_000)
    await refused(door("SERVICE", "order")("EraseActivity", erase(ann)))
    await audit.flush()
    after = await waiting.first(100_000)
    [kept] = [each for each in after if each not in before and each.actor_id == "service:order"]
    assert (kept.action.rpartition("/")[2], kept.outcome) == ("EraseActivity", "PERMISSION_DENIED")


async def test_only_services_erase_and_export(door: DoorOf, ann: str) -> None:
    for role in ("CUSTOMER", "STAFF", "ADMIN"):
        mine = door(role, ann)
        assert (await refused(mine("EraseActivity", erase(ann)))).reason == "PERMISSION_DENIED"
        asked = held_pb.ExportActivityRequest(user_id=ann)
        assert (await refused(mine("ExportActivity", asked))).reason == "PERMISSION_DENIED"

"""What is held of a buyer's returns: exported, and taken from them when the buyer is erased."""

import uuid
from datetime import UTC, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from emporium.order.v1 import personal_data_service_pb2 as held_pb
from emporium.order.v1 import return_service_pb2 as pb
from emporium.order.v1.catalog_service_pb2 import Product
from server.kit.postgres import Pool
from tests.server.conftest import Token
from tests.server.order.doors import Door
from tests.server.order.returns.doing import ask, delivered, move, now, one
from tests.server.refusals import refused

_SECRETS = ("too tight at the hips", "her sister sends it")
_TEXTS = """
    SELECT count(*) FROM outbox, unnest($1::text[]) AS secret
    WHERE aggregate_type = 'return' AND strpos(encode(payload, 'escape'), secret) > 0
"""


@pytest.fixture
def user_service(anyone: Door, token: Token) -> Door:
    return Door(anyone.channel, token("SERVICE", "user"))


def erase(user_id: str) -> held_pb.EraseBuyerRequest:
    at = Timestamp()
    at.FromDatetime(datetime.now(UTC))
    return held_pb.EraseBuyerRequest(user_id=user_id, erased_at=at)


async def returned(staff: Door, buyer: Door, mug: Product) -> pb.Return:
    """A return of the buyer's, with all that people can say of one."""
    order = await delivered(staff, buyer, (mug, 2))
    asked = await buyer("CreateReturn", ask(order, (1, 1), comment=_SECRETS[0]))
    approved: pb.Return = await staff("UpdateReturn", move(asked, "APPROVED", reason=_SECRETS[1]))
    return approved


async def test_of_an_erased_buyer_returns_say_nothing(
    staff: Door, ann: Door, user_service: Door, mug: Product, order_pool: Pool
) -> None:
    before = await returned(staff, ann, mug)
    assert await order_pool.fetchval(_TEXTS, _SECRETS) == 3
    receipt = await user_service("EraseBuyer", erase(ann.user_id))
    assert receipt.erased["returns"] == receipt.erased["return_moves"] == 1
    assert receipt.erased["waiting_return_events"] == 2
    assert await order_pool.fetchval(_TEXTS, _SECRETS) == 0
    left = await staff("GetReturn", one(before))
    assert (left.comment, left.etag) == ("", f"{before.etag}-anonymous")
    assert [each.reason for each in left.history] == ["", ""]
    assert (await refused(ann("GetReturn", one(before)))).reason == "RETURN_NOT_FOUND"
    assert await user_service("EraseBuyer", erase(ann.user_id)) == receipt


async def test_of_who_has_worked_in_the_shop_returns_name_nobody(
    staff: Door, ann: Door, user_service: Door, mug: Product
) -> None:
    before = await returned(staff, ann, mug)
    assert before.history[-1].actor.user_id == staff.user_id
    receipt = await user_service("EraseBuyer", erase(staff.user_id))
    assert receipt.erased["return_moves"] == 1
    after = await staff("GetReturn", one(before))
    assert after.history[-1].actor.user_id == ""
    assert after.history[-1].reason == _SECRETS[1]


async def test_nothing_of_a_person_is_added_to_what_is_anonymous(
    staff: Door, ann: Door, user_service: Door, mug: Product
) -> None:
    before = await returned(staff, ann, mug)
    order = await now(staff, (await delivered(staff, ann, (mug, 1))))
    await user_service("EraseBuyer", erase(ann.user_id))
    found = await refused(staff("UpdateReturn", move(before, "RECEIVED", reason="Ann's")))
    assert (found.reason, found.fields) == ("ORDER_ANONYMOUS", ["reason"])
    found = await refused(staff("CreateReturn", ask(order, comment="Ann's")))
    assert (found.reason, found.fields) == ("ORDER_ANONYMOUS", ["comment"])
    await staff("CreateReturn", ask(order))
    await staff("UpdateReturn", move(before, "RECEIVED"))
    assert (await staff("UpdateReturn", move(before, "REFUNDED"))).refunded == "2.55"


async def test_returns_are_exported_by_pages(
    staff: Door, ann: Door, user_service: Door, mug: Product
) -> None:
    made = [await returned(staff, ann, mug) for _ in range(21)]
    asked = held_pb.ExportBuyerRequest(user_id=ann.user_id, part="returns")
    [part] = (await user_service("ExportBuyer", asked)).parts
    assert (part.record_count, len(part.records), part.truncated) == (21, 20, True)
    asked.page_token = part.next_page_token
    [last] = (await user_service("ExportBuyer", asked)).parts
    assert not last.truncated
    records = [*part.records, *last.records]
    assert [record["id"] for record in records] == [each.id for each in made]
    assert records[0]["comment"] == _SECRETS[0]
    first, second = records[0]["history"]
    assert (first["actor"], second["actor"], second["reason"]) == ("BUYER", "STAFF", _SECRETS[1])
    asked.page_token = str(uuid.uuid4())
    assert (await refused(user_service("ExportBuyer", asked))).reason == "INVALID_PAGE_TOKEN"

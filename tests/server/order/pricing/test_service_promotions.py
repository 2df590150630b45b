"""Promotions through the gRPC door: who sets them, what orders cost then, what is refused."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp

from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from emporium.order.v1 import events_pb2
from emporium.order.v1 import order_service_pb2 as order_pb
from emporium.order.v1 import pricing_service_pb2 as pb
from server.kit.postgres import Pool
from tests.server.order.doors import (
    MISSING,
    Door,
    get,
    item,
    new_product,
    order_of,
)
from tests.server.refusals import refused


def new_promotion(**fields: Any) -> pb.CreatePromotionRequest:
    given = {"code": uuid.uuid4().hex[:12].upper(), "name": "Ten percent", **fields}
    if "amount" not in given:
        given.setdefault("percentage", "10")
    return pb.CreatePromotionRequest(**given)


async def made(staff: Door, **fields: Any) -> pb.Promotion:
    found: pb.Promotion = await staff("CreatePromotion", new_promotion(**fields))
    return found


def reading(promotion: pb.Promotion) -> pb.GetPromotionRequest:
    return pb.GetPromotionRequest(promotion_id=promotion.id)


def changing(promotion: pb.Promotion, **fields: Any) -> pb.UpdatePromotionRequest:
    return pb.UpdatePromotionRequest(promotion_id=promotion.id, **fields)


def at(**ago: float) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(datetime.now(UTC) - timedelta(**ago))
    return found


def quote_of(*items: order_pb.NewOrderItem, **fields: Any) -> order_pb.QuoteOrderRequest:
    return order_pb.QuoteOrderRequest(items=items, **fields)


async def test_staff_keep_promotions(staff: Door) -> None:
    since, until = at(days=1), at(days=-1)
    one = await made(
        staff,
        percentage="12.50",
        min_subtotal="5",
        valid_from=since,
        valid_until=until,
        uses_max=3,
        uses_max_per_person=1,
        stacking=pb.Promotion.EXCLUSIVE,
    )
    assert (one.kind, one.percentage, one.amount) == (pb.Promotion.PERCENTAGE, "12.5", "")
    assert (one.currency, one.min_subtotal, one.uses, one.active) == ("GBP", "5.00", 0, True)
    assert await staff("GetPromotion", reading(one)) == one
    other = await made(staff, amount="5", currency="JPY")
    assert (other.kind, other.amount, other.percentage) == (pb.Promotion.FIXED_AMOUNT, "5", "")
    assert other.stacking == pb.Promotion.COMBINABLE
    assert not other.HasField("uses_max")
    listed = await staff("ListPromotions", pb.ListPromotionsRequest(code=one.code.lower()))
    assert (list(listed.promotions), listed.meta.total) == ([one], 1)
    mask = FieldMask(paths=["valid_until", "uses_max", "name"])
    after = await staff("UpdatePromotion", changing(one, name="Less", update_mask=mask))
    assert (after.name, after.HasField("uses_max"), after.HasField("valid_until")) == (
        "Less",
        False,
        False,
    )
    assert after.valid_from == one.valid_from
    assert after.etag != one.etag
    assert await staff("UpdatePromotion", changing(one, name="Less")) == after
    late = changing(one, name="More", etag=one.etag)
    assert (await refused(staff("UpdatePromotion", late))).reason == "ETAG_MISMATCH"
    await staff("DeletePromotion", pb.DeletePromotionRequest(promotion_id=one.id))
    assert (await refused(staff("GetPromotion", reading(one)))).reason == "PROMOTION_NOT_FOUND"


async def test_promotions_are_for_staff(ann: Door, anyone: Door) -> None:
    for name, request in {
        "CreatePromotion": new_promotion(),
        "GetPromotion": pb.GetPromotionRequest(promotion_id=MISSING),
        "ListPromotions": pb.ListPromotionsRequest(),
        "UpdatePromotion": pb.UpdatePromotionRequest(promotion_id=MISSING, name="Less"),
        "DeletePromotion": pb.DeletePromotionRequest(promotion_id=MISSING),
    }.items():
        assert (await refused(ann(name, request))).reason == "PERMISSION_DENIED"
        assert (await refused(anyone(name, request))).reason == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"percentage": "0"}, "percentage"),
        ({"percentage": "100.01"}, "percentage"),
        ({"percentage": "1.234"}, "percentage"),
        ({"amount": "0"}, "amount"),
        ({"amount": "1.234"}, "amount"),
        ({"amount": "1.5", "currency": "JPY"}, "amount"),
        ({"amount": "1", "currency": "XTS"}, "currency"),
        ({"amount": "1", "percentage": "1"}, ""),
        ({"percentage": ""}, ""),
        ({"min_subtotal": "1.234"}, "min_subtotal"),
        ({"valid_from": at(), "valid_until": at(days=1)}, "valid_until"),
        ({"uses_max": 0}, "uses_max"),
        ({"code": "with space"}, "code"),
    ],
)
async def test_what_no_promotion_can_be(staff: Door, fields: dict[str, Any], field: str) -> None:
    refusal = await refused(staff("CreatePromotion", new_promotion(**fields)))
    assert (refusal.reason, refusal.fields) == ("VALIDATION_FAILED", [field] if field else [""])


async def test_the_end_that_is_changed_is_named(staff: Door) -> None:
    one = await made(staff, valid_from=at(days=2), valid_until=at(days=1))
    refusal = await refused(staff("UpdatePromotion", changing(one, valid_from=at())))
    assert (refusal.reason, refusal.fields) == ("VALIDATION_FAILED", ["valid_from"])
    refusal = await refused(staff("UpdatePromotion", changing(one, valid_until=at(days=3))))
    assert (refusal.reason, refusal.fields) == ("VALIDATION_FAILED", ["valid_until"])


async def test_a_code_is_one_promotions_in_any_case(staff: Door) -> None:
    one, other = await made(staff), await made(staff)
    again = await refused(staff("CreatePromotion", new_promotion(code=one.code.lower())))
    assert (again.reason, again.fields) == ("PROMOTION_CODE_TAKEN", ["code"])
    renamed = await refused(staff("UpdatePromotion", changing(other, code=one.code.lower())))
    assert (renamed.reason, renamed.fields) == ("PROMOTION_CODE_TAKEN", ["code"])


async def test_what_a_promotion_takes_off_stays_of_its_kind(staff: Door) -> None:
    one, other = await made(staff), await made(staff, amount="5")
    for promotion, field in ((one, "amount"), (other, "percentage")):
        refusal = await refused(staff("UpdatePromotion", changing(promotion, **{field: "1"})))
        assert (refusal.reason, refusal.fields) == ("VALIDATION_FAILED", [field])
    refusal = await refused(staff("UpdatePromotion", changing(one, min_subtotal="1")))
    assert refusal.fields == ["min_subtotal"]


async def test_an_order_costs_what_was_quoted_with_codes(
    staff: Door, ann: Door, mug: catalog_pb.Product
) -> None:
    ten, two = await made(staff), await made(staff, amount="2", name="Two off")
    cup = await staff("CreateProduct", new_product(unit_price="10", name="Cup"))
    codes = [two.code.lower(), ten.code]
    quote = await ann("QuoteOrder", quote_of(item(mug), item(cup), promotion_codes=codes))
    # 0.255 is rounded half even, to 0.26; 1.00 of the other line.
    assert (quote.subtotal, quote.discount, quote.total_price) == ("12.55", "3.26", "9.29")
    assert [(step.kind, step.label, step.amount) for step in quote.steps] == [
        (order_pb.PriceStep.LINES, "2 lines", "12.55"),
        (order_pb.PriceStep.PROMOTION, "Ten percent", "-1.26"),
        (order_pb.PriceStep.PROMOTION, "Two off", "-2.00"),
    ]
    other_way = quote_of(item(cup), item(mug), promotion_codes=codes[::-1])
    assert (await ann("QuoteOrder", other_way)).steps == quote.steps
    order = await ann("CreateOrder", order_of(item(mug), item(cup), promotion_codes=codes))
    assert (order.discount, order.total_price) == (quote.discount, quote.total_price)
    assert order.items == quote.lines
    # Of the two pounds each line has what it costs of the rest: 0.41 of 11.29 by 2.29.
    assert [line.discount for line in order.items] == ["0.67", "2.59"]
    assert not order.items[0].HasField("tax")
    assert list(order.promotion_codes) == [two.code, ten.code]
    assert await ann("GetOrder", get(order)) == order
    assert (await staff("GetPromotion", reading(ten))).uses == 1


async def test_an_order_costs_nothing_at_least(
    staff: Door, ann: Door, mug: catalog_pb.Product
) -> None:
    codes = [(await made(staff, amount="2")).code, (await made(staff, amount="5")).code]
    order = await ann("CreateOrder", order_of(item(mug), promotion_codes=codes))
    assert (order.subtotal, order.discount, order.total_price) == ("2.55", "2.55", "0.00")


async def codes_refused(door: Door, lines: Any, codes: list[str], **fields: Any) -> Any:
    """The refusal of a quote with these codes, which is the order's, too."""
    quoted = await refused(door("QuoteOrder", quote_of(*lines, promotion_codes=codes, **fields)))
    ordered = await refused(door("CreateOrder", order_of(*lines, promotion_codes=codes, **fields)))
    assert (quoted.reason, quoted.fields, quoted.message) == (
        ordered.reason,
        ordered.fields,
        ordered.message,
    )
    return quoted


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"active": False}, "PROMOTION_NOT_FOUND"),
        ({"valid_from": at(days=-1)}, "PROMOTION_NOT_YET_VALID"),
        ({"valid_until": at(days=1)}, "PROMOTION_EXPIRED"),
        ({"min_subtotal": "2.56"}, "PROMOTION_MINIMUM_NOT_REACHED"),
        ({"currency": "EUR"}, "PROMOTION_CURRENCY_MISMATCH"),
        ({"stacking": pb.Promotion.EXCLUSIVE}, "PROMOTION_NOT_COMBINABLE"),
    ],
)
async def test_each_code_is_answered(
    staff: Door, ann: Door, mug: catalog_pb.Product, fields: dict[str, Any], reason: str
) -> None:
    good, bad = await made(staff), await made(staff, **fields)
    refusal = await codes_refused(ann, [item(mug)], [good.code, bad.code])
    assert (refusal.reason, refusal.fields) == (reason, ["promotion_codes[1]"])
    assert refusal.message.startswith("promotion_codes[1]: ")
    assert (await staff("GetPromotion", reading(good))).uses == 0


async def test_codes_that_are_no_codes(staff: Door, ann: Door, mug: catalog_pb.Product) -> None:
    good = await made(staff)
    refusal = await codes_refused(ann, [item(mug)], ["NONE-SUCH", good.code, "NOR-THIS"])
    assert (refusal.reason, refusal.fields) == (
        "PROMOTION_NOT_FOUND",
        ["promotion_codes[0]", "promotion_codes[2]"],
    )
    refusal = await codes_refused(ann, [item(mug)], [good.code, good.code.lower()])
    assert (refusal.reason, refusal.fields) == ("VALIDATION_FAILED", ["promotion_codes[1]"])
    refusal = await codes_refused(ann, [item(mug)], [f"C{n}" for n in range(11)])
    assert (refusal.reason, refusal.fields) == ("VALIDATION_FAILED", ["promotion_codes"])
    refusal = await codes_refused(staff, [item(mug)], [good.code], order_date=at(days=9))
    assert (refusal.reason, refusal.fields) == ("VALIDATION_FAILED", ["promotion_codes"])


_EVENTS = """
    SELECT event_type, aggregate_version, payload FROM outbox
    WHERE aggregate_type = 'promotion' AND aggregate_id = $1 ORDER BY aggregate_version
"""


async def test_every_change_of_a_promotion_leaves_as_an_event(
    staff: Door, ann: Door, mug: catalog_pb.Product, order_pool: Pool
) -> None:
    one = await made(staff)
    await ann("CreateOrder", order_of(item(mug), promotion_codes=[one.code]))
    change = changing(one, active=False)
    ended = await staff("UpdatePromotion", change)
    await staff("UpdatePromotion", change)  # changes nothing, and tells nothing
    other = await made(staff)
    await staff("DeletePromotion", pb.DeletePromotionRequest(promotion_id=other.id))
    told = []
    for promotion in (one, other):
        for row in await order_pool.fetch(_EVENTS, promotion.id):
            name = row["event_type"].rpartition(".")[2]
            message = getattr(events_pb2, name).FromString(row["payload"])
            told.append((name, row["aggregate_version"], message.promotion))
    ended.uses = 0  # uses come and go without events
    assert told == [
        ("PromotionCreated", 1, one),
        ("PromotionUpdated", 2, ended),
        ("PromotionCreated", 1, other),
        ("PromotionDeleted", 2, other),
    ]

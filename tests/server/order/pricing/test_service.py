"""Price breaks through the gRPC door: who sets them, what is refused, and what orders cost then."""

import asyncio
from typing import Any

import pytest
from grpc import StatusCode

from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from emporium.order.v1 import order_service_pb2 as order_pb
from emporium.order.v1 import pricing_service_pb2 as pb
from tests.server.order.doors import MISSING, Door, get, item, new_product, order_of
from tests.server.refusals import refused


def breaks_of(
    product_id: str, *breaks: tuple[int, str], etag: str = ""
) -> pb.SetPriceBreaksRequest:
    return pb.SetPriceBreaksRequest(
        product_id=product_id,
        breaks=[pb.PriceBreak(min_quantity=count, unit_price=price) for count, price in breaks],
        etag=etag,
    )


def reading(product: catalog_pb.Product) -> pb.GetPriceBreaksRequest:
    return pb.GetPriceBreaksRequest(product_id=product.id)


async def test_staff_set_what_anyone_may_read(
    staff: Door, anyone: Door, mug: catalog_pb.Product
) -> None:
    empty = await anyone("GetPriceBreaks", reading(mug))
    assert (empty.product_id, empty.currency, list(empty.breaks)) == (mug.id, "GBP", [])
    made = await staff("SetPriceBreaks", breaks_of(mug.id.upper(), (10, "2.5"), (100, "1.99")))
    assert [(each.min_quantity, each.unit_price) for each in made.breaks] == [
        (10, "2.50"),
        (100, "1.99"),
    ]
    assert await anyone("GetPriceBreaks", reading(mug)) == made
    fewer = await staff("SetPriceBreaks", breaks_of(mug.id, (100, "2")))
    assert [(each.min_quantity, each.unit_price) for each in fewer.breaks] == [(100, "2.00")]
    assert len({empty.etag, made.etag, fewer.etag}) == 3
    ended = await staff("SetPriceBreaks", breaks_of(mug.id))
    assert ended == empty == await anyone("GetPriceBreaks", reading(mug))


async def test_breaks_are_seen_by_whoever_sees_the_product(
    staff: Door, anyone: Door, ann: Door, mug: catalog_pb.Product
) -> None:
    await staff("SetPriceBreaks", breaks_of(mug.id, (10, "2.50")))
    archived = catalog_pb.UpdateProductRequest(product_id=mug.id)
    archived.status = catalog_pb.Product.ARCHIVED
    await staff("UpdateProduct", archived)
    for door in (anyone, ann):
        assert (await refused(door("GetPriceBreaks", reading(mug)))).reason == "PRODUCT_NOT_FOUND"
    assert len((await staff("GetPriceBreaks", reading(mug))).breaks) == 1


async def test_an_etag_is_of_the_currency_too(staff: Door, mug: catalog_pb.Product) -> None:
    made = await staff("SetPriceBreaks", breaks_of(mug.id, (10, "2")))
    dearer = catalog_pb.UpdateProductRequest(product_id=mug.id, currency="KWD")
    await staff("UpdateProduct", dearer)
    assert (await staff("GetPriceBreaks", reading(mug))).etag != made.etag
    late = breaks_of(mug.id, (10, "1"), etag=made.etag)
    assert (await refused(staff("SetPriceBreaks", late))).reason == "ETAG_MISMATCH"


async def test_orders_cost_what_many_of_a_product_cost(
    staff: Door, ann: Door, mug: catalog_pb.Product
) -> None:
    cup = await staff("CreateProduct", new_product(unit_price="10", name="Cup"))
    await staff("SetPriceBreaks", breaks_of(mug.id, (10, "2.50"), (100, "1.99")))
    for counts, each, total in (
        ([9], "2.55", "32.95"),
        ([10], "2.50", "35.00"),
        ([4, 6], "2.50", "35.00"),  # all lines of a product together
        ([99], "2.50", "257.50"),
        ([1, 99], "1.99", "209.00"),
    ):
        lines = [item(mug, count) for count in counts]
        quote = await ann("QuoteOrder", order_pb.QuoteOrderRequest(items=[*lines, item(cup)]))
        assert [line.unit_price for line in quote.lines] == [each] * len(counts) + ["10.00"]
        assert quote.total_price == quote.subtotal == total
        order = await ann("CreateOrder", order_of(*lines, item(cup)))
        assert (order.items, order.total_price) == (quote.lines, total)
        assert await ann("GetOrder", get(order)) == order
    first, second = quote.steps
    assert (first.kind, first.label, first.amount) == (
        order_pb.PriceStep.LINES,
        "3 lines",
        "265.00",
    )
    assert (second.kind, second.label, second.amount) == (
        order_pb.PriceStep.PRICE_BREAKS,
        "for many, 2 lines",
        "-56.00",
    )


async def test_orders_that_were_placed_keep_their_prices(
    staff: Door, ann: Door, mug: catalog_pb.Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug, 10)))
    await staff("SetPriceBreaks", breaks_of(mug.id, (10, "1")))
    assert await ann("GetOrder", get(order)) == order


async def test_a_price_that_staff_give_is_no_part_of_many(
    staff: Door, mug: catalog_pb.Product
) -> None:
    await staff("SetPriceBreaks", breaks_of(mug.id, (10, "2.50")))
    own, theirs = item(mug, 9), item(mug, 9, unit_price="2.60")
    order = await staff("CreateOrder", order_of(own, theirs))
    assert [line.unit_price for line in order.items] == ["2.55", "2.60"]


@pytest.mark.parametrize(
    ("breaks", "fields"),
    [
        ([(10, "2.505")], {"breaks[0].unit_price": "may have 2 decimals at most in GBP"}),
        ([(10, "2.55")], {"breaks[0].unit_price": "must be less than 2.55, which fewer cost each"}),
        (
            [(10, "2"), (10, "1")],
            {"breaks[1].min_quantity": "must be more than 10, which has a price already"},
        ),
        (
            [(10, "2"), (9, "2")],
            {
                "breaks[1].min_quantity": "must be more than 10, which has a price already",
                "breaks[1].unit_price": "must be less than 2.00, which fewer cost each",
            },
        ),
        ([(10, "2.555")], {"breaks[0].unit_price": None}),
        ([(1, "2")], {"breaks[0].min_quantity": None}),
        ([(10, "free")], {"breaks[0].unit_price": None}),
        ([(n, f"{2 - n / 100:.2f}") for n in range(2, 23)], {"breaks": None}),
    ],
)
async def test_what_makes_no_sense_is_refused_by_name(
    staff: Door, mug: catalog_pb.Product, breaks: Any, fields: dict[str, str | None]
) -> None:
    found = await refused(staff("SetPriceBreaks", breaks_of(mug.id, *breaks)))
    assert (found.code, found.reason) == (StatusCode.INVALID_ARGUMENT, "VALIDATION_FAILED")
    assert found.violations.keys() == fields.keys()
    assert all(said in (None, found.violations[name]) for name, said in fields.items())
    assert not (await staff("GetPriceBreaks", reading(mug))).breaks


async def test_a_change_of_what_somebody_else_has_changed_is_refused(
    staff: Door, mug: catalog_pb.Product
) -> None:
    seen = await staff("GetPriceBreaks", reading(mug))
    other = await staff("SetPriceBreaks", breaks_of(mug.id, (10, "2"), etag=seen.etag))
    found = await refused(staff("SetPriceBreaks", breaks_of(mug.id, (10, "1"), etag=seen.etag)))
    assert found.reason == "ETAG_MISMATCH"
    repeated = breaks_of(mug.id, (10, "2.00"), etag=seen.etag)
    assert await staff("SetPriceBreaks", repeated) == other


async def test_of_changes_at_once_the_last_one_stays_whole(
    staff: Door, mug: catalog_pb.Product
) -> None:
    wanted = [breaks_of(mug.id, (n + 2, "2"), (n + 3, "1.50"), (1000 + n, "1")) for n in range(20)]
    made = await asyncio.gather(*(staff("SetPriceBreaks", each) for each in wanted))
    assert await staff("GetPriceBreaks", reading(mug)) in made


async def test_an_etag_lets_one_of_many_win(staff: Door, mug: catalog_pb.Product) -> None:
    seen = await staff("GetPriceBreaks", reading(mug))
    wanted = [breaks_of(mug.id, (n + 2, "2"), etag=seen.etag) for n in range(20)]
    made = await asyncio.gather(
        *(staff("SetPriceBreaks", each) for each in wanted), return_exceptions=True
    )
    [won] = [each for each in made if isinstance(each, pb.PriceBreaks)]
    assert await staff("GetPriceBreaks", reading(mug)) == won


async def test_nobody_else_sets_them_and_a_product_must_be_there(
    staff: Door, anyone: Door, ann: Door, mug: catalog_pb.Product
) -> None:
    request = breaks_of(mug.id, (10, "2"))
    assert (await refused(anyone("SetPriceBreaks", request))).reason == "UNAUTHENTICATED"
    assert (await refused(ann("SetPriceBreaks", request))).reason == "PERMISSION_DENIED"
    for asked in (
        staff("SetPriceBreaks", breaks_of(MISSING, (10, "2"))),
        anyone("GetPriceBreaks", pb.GetPriceBreaksRequest(product_id=MISSING)),
    ):
        assert (await refused(asked)).reason == "PRODUCT_NOT_FOUND"

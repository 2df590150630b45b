"""What is left of a buyer who was erased, and what is handed out of one who was not."""

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from emporium.order.v1 import events_pb2
from emporium.order.v1 import order_service_pb2 as pb
from emporium.order.v1 import personal_data_service_pb2 as held_pb
from emporium.order.v1.catalog_service_pb2 import Product
from emporium.order.v1.pricing_service_pb2 import CreatePromotionRequest
from emporium.type.v1.address_pb2 import Address
from emporium.type.v1.personal_data_pb2 import ErasureReceipt
from server.kit.postgres import Pool
from server.kit.wire import timestamp
from tests.server.conftest import Token
from tests.server.order.doors import HOME, Door, cancel, get, history, item, order_of, update
from tests.server.refusals import refused

NOTHING_SENT = ["shipments", "tracking_events", "waiting_shipment_events"]
NOTHING_SENT += ["returns", "return_moves", "waiting_return_events"]
NOTHING_SENT += ["addresses", "carts", "waiting_cart_events"]
WHEN = timestamp(datetime(2026, 5, 17, 12, tzinfo=UTC))


@pytest.fixture
def user_service(anyone: Door, token: Token) -> Door:
    return Door(anyone.channel, token("SERVICE", "user"))


def erase(user_id: str) -> held_pb.EraseBuyerRequest:
    return held_pb.EraseBuyerRequest(user_id=user_id, erased_at=WHEN)


@pytest_asyncio.fixture
async def order(ann: Door, staff: Door, mug: Product) -> pb.Order:
    """Ann's, with a key and a code."""
    code = CreatePromotionRequest(code=uuid.uuid4().hex, name="All", percentage="10")
    promotion = await staff("CreatePromotion", code)
    fields = {"shipping_address": HOME, "promotion_codes": [promotion.code]}
    placed: pb.Order = await ann("CreateOrder", order_of(item(mug, 2), request_id="hers", **fields))
    return placed


Kind = pb.OrderMove.Actor.Kind


async def rows_with(pool: Pool, *texts: str) -> list[str]:
    """The tables of the database in which one of the texts stands somewhere, and how often."""
    tables = await pool.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    found = []
    for [table] in tables:
        rows = await pool.fetch(f'SELECT * FROM "{table}"')
        count = sum(
            any(text.lower() in _shown(value) for value in row.values() for text in texts)
            for row in rows
        )
        found += [f"{table}: {count}"] * bool(count)
    return sorted(found)


def _shown(value: Any) -> str:
    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    return text.lower()


async def test_orders_stay_without_their_buyer_and_with_their_amounts(
    ann: Door, staff: Door, user_service: Door, order: pb.Order
) -> None:
    receipt: ErasureReceipt = await user_service("EraseBuyer", erase(ann.user_id))
    assert (receipt.store, receipt.state) == ("order/postgres", ErasureReceipt.COMPLETE)
    kept = {"orders": 1, "order_moves": 0, "order_notes": 0}
    kept |= {"first_answers": 1, "waiting_events": 1, "promotion_uses": 1, "kept_events": 0}
    kept |= dict.fromkeys(NOTHING_SENT, 0)
    assert receipt.erased == kept

    left: pb.Order = await staff("GetOrder", get(order))
    expected = pb.Order()
    expected.CopyFrom(order)
    expected.user_id, expected.etag = "", f"{order.etag}-anonymous"
    expected.shipping_address.CopyFrom(Address(country_code="GB"))
    expected.updated_at.CopyFrom(left.updated_at)
    assert left == expected
    assert (await refused(ann("GetOrder", get(order)))).reason == "ORDER_NOT_FOUND"
    asked = pb.GetOrderUserRequest(order_id=order.id)
    assert (await refused(staff("GetOrderUser", asked))).reason == "USER_NOT_FOUND"


async def test_an_anonymous_order_is_worked_on_and_gets_no_address(
    ann: Door, staff: Door, user_service: Door, order: pb.Order
) -> None:
    await user_service("EraseBuyer", erase(ann.user_id))
    stale = update(order, status="PAID", etag=order.etag)
    assert (await refused(staff("UpdateOrder", stale))).reason == "ETAG_MISMATCH"
    found = await refused(staff("UpdateOrder", update(order, shipping_address=HOME)))
    assert (found.reason, found.fields) == ("ORDER_ANONYMOUS", ["shipping_address"])
    paid = await staff("UpdateOrder", update(order, status="PAID"))
    assert (paid.status, paid.user_id, paid.etag) == (pb.Order.PAID, "", "2-anonymous")


async def test_who_has_worked_in_the_shop_is_not_named_any_more_by_what_was_done(
    ann: Door, staff: Door, user_service: Door, order: pb.Order, order_pool: Pool
) -> None:
    await staff("CancelOrder", cancel(order, reason="It is sold out"))
    await staff("CreateOrderNote", pb.CreateOrderNoteRequest(order_id=order.id, text="Sold out"))
    receipt = await user_service("EraseBuyer", erase(staff.user_id))
    assert (receipt.erased["order_moves"], receipt.erased["order_notes"]) == (1, 1)
    [note] = (await staff("ListOrderNotes", pb.ListOrderNotesRequest(order_id=order.id))).notes
    assert (note.author.kind, note.author.user_id, note.text) == (Kind.STAFF, "", "Sold out")
    moves = (await staff("ListOrderHistory", history(order))).moves
    assert [each.actor.kind for each in moves] == [Kind.BUYER, Kind.STAFF]
    assert [each.actor.user_id for each in moves] == [ann.user_id, ""]
    assert moves[1].reason == "It is sold out"  # of an order whose buyer is still there
    assert "order_moves: 1" not in await rows_with(order_pool, staff.user_id)


async def test_nothing_is_noted_on_an_anonymous_order(
    ann: Door, staff: Door, user_service: Door, order: pb.Order
) -> None:
    await user_service("EraseBuyer", erase(ann.user_id))
    request = pb.CreateOrderNoteRequest(order_id=order.id, text="Ann rang")
    assert (await refused(staff("CreateOrderNote", request))).reason == "ORDER_ANONYMOUS"


async def test_nothing_of_a_buyer_is_left_in_any_table_but_the_tombstone(
    ann: Door, bob: Door, staff: Door, user_service: Door, mug: Product, order_pool: Pool
) -> None:
    address = Address(recipient="Xq Canary", street="9 Canary Row", city="Leeds", country_code="GB")
    keyed = {"shipping_address": address, "request_id": uuid.uuid4().hex}
    await ann("CreateOrder", order_of(item(mug), **keyed))
    deleted = await ann("CreateOrder", order_of(item(mug), shipping_address=address))
    await ann("DeleteOrder", pb.DeleteOrderRequest(order_id=deleted.id))
    # By staff, whose key does not tell whom the answer is about.
    by_staff = await staff("CreateOrder", order_of(item(mug), user_id=ann.user_id, **keyed))
    await staff("CancelOrder", cancel(by_staff, reason="Canary rang us", request_id="late"))
    for door in (ann, staff):
        note = pb.CreateOrderNoteRequest(order_id=by_staff.id, text="Canary", request_id="note")
        await door("CreateOrderNote", note)
    others = await bob("CreateOrder", order_of(item(mug), shipping_address=HOME))
    canaries = ("Canary", ann.user_id)
    before = await rows_with(order_pool, *canaries)
    tables = {each.partition(":")[0] for each in before}
    # What staff did is on its way to the audit log, which keeps ids.
    assert tables == {
        *("orders", "order_moves", "order_notes"),
        *("outbox", "idempotency_keys", "audit_waiting"),
    }

    await user_service("EraseBuyer", erase(ann.user_id))
    assert await rows_with(order_pool, *canaries) == ["audit_waiting: 4", "erasures: 1"]
    assert await rows_with(order_pool, "canary") == []
    assert (await bob("GetOrder", get(others))).shipping_address == HOME


async def test_events_that_wait_tell_of_the_order_and_no_more_of_the_buyer(
    ann: Door, user_service: Door, order: pb.Order, order_pool: Pool
) -> None:
    await user_service("EraseBuyer", erase(ann.user_id))
    payload = await order_pool.fetchval(
        "SELECT payload FROM outbox WHERE aggregate_id = $1", order.id
    )
    told = events_pb2.OrderPlaced.FromString(payload).order
    assert (told.user_id, told.shipping_address) == ("", Address(country_code="GB"))
    assert (told.id, told.total_price, told.items) == (order.id, order.total_price, order.items)


async def test_a_second_erasure_changes_nothing_and_gets_the_first_receipt(
    ann: Door, user_service: Door, order: pb.Order
) -> None:
    first = await user_service("EraseBuyer", erase(ann.user_id))
    assert await user_service("EraseBuyer", erase(ann.user_id.upper())) == first


async def test_who_never_bought_has_a_receipt_too(user_service: Door) -> None:
    receipt = await user_service("EraseBuyer", erase(str(uuid.uuid4())))
    assert receipt.state == ErasureReceipt.COMPLETE
    kinds = ["orders", "order_moves", "order_notes", "first_answers", "waiting_events"]
    kinds += [*NOTHING_SENT, "promotion_uses", "kept_events"]
    assert receipt.erased == dict.fromkeys(kinds, 0)


async def test_no_order_is_placed_for_an_erased_buyer(
    ann: Door, bob: Door, staff: Door, user_service: Door, mug: Product
) -> None:
    """By a token that is good still, or by staff who import what is old."""
    await user_service("EraseBuyer", erase(ann.user_id))
    late = order_of(item(mug), shipping_address=HOME)
    assert (await refused(ann("CreateOrder", late))).reason == "ACCOUNT_INACTIVE"
    late.user_id = ann.user_id
    found = await refused(staff("CreateOrder", late))
    assert (found.reason, found.fields) == ("USER_ERASED", ["user_id"])
    await bob("CreateOrder", order_of(item(mug)))


async def test_only_services_erase_and_export(ann: Door, staff: Door) -> None:
    for door in (ann, staff):
        assert (await refused(door("EraseBuyer", erase(ann.user_id)))).reason == "PERMISSION_DENIED"
        asked = held_pb.ExportBuyerRequest(user_id=ann.user_id)
        assert (await refused(door("ExportBuyer", asked))).reason == "PERMISSION_DENIED"


async def test_an_export_has_every_order_with_its_lines(
    ann: Door, user_service: Door, order: pb.Order
) -> None:
    answer = await user_service("ExportBuyer", held_pb.ExportBuyerRequest(user_id=ann.user_id))
    part, *others = answer.parts
    counted = {each.name: each.record_count for each in others}
    empty = ["shipments", "addresses", "carts", "returns"]
    assert [*counted] == ["order_history", "order_notes", *empty]
    assert (part.name, part.record_count, part.truncated) == ("orders", 1, False)
    assert {counted[each] for each in empty} == {0}
    [record] = part.records
    assert record["id"] == order.id
    assert record["total_price"] == order.total_price
    assert record["shipping_address"]["recipient"] == HOME.recipient
    assert [line["quantity"] for line in record["items"]] == [2]
    assert record["order_date"].endswith("Z")


@pytest_asyncio.fixture
async def hoarder(order_pool: Pool) -> AsyncIterator[str]:
    """A buyer with 1,203 orders, three of them of the same moment at each page's end."""
    user_id = str(uuid.uuid4())
    await order_pool.execute(
        """
        WITH made AS (
            INSERT INTO orders (id, user_id, status, currency, subtotal, discount, shipping_price,
                                tax, total_price, order_date, created_at, updated_at, version)
            SELECT gen_random_uuid(), $1::uuid, 'PENDING', 'GBP', 0, 0, 0, 0, 0,
                   timestamptz '2020-01-01 00:00Z' + n / 3 * interval '1 minute', now(), now(), 1
            FROM generate_series(1, 1203) AS n RETURNING id
        )
        INSERT INTO order_items (order_id, position, product_name, unit_price, quantity)
        SELECT id, 1, 'a thing', 0, 1 FROM made
        """,
        user_id,
    )
    yield user_id


async def test_much_comes_in_pages_each_order_once(hoarder: str, user_service: Door) -> None:
    ids: list[str] = []
    pages: list[int] = []
    token = ""
    while token or not pages:
        request = held_pb.ExportBuyerRequest(user_id=hoarder, part="orders", page_token=token)
        [part] = (await user_service("ExportBuyer", request)).parts
        assert part.record_count == 1203
        assert part.truncated == bool(part.next_page_token)
        ids += [record["id"] for record in part.records]
        token = part.next_page_token
        pages.append(len(part.records))
    assert pages == [500, 500, 203]
    assert len(set(ids)) == len(ids) == 1203


async def test_much_is_erased_in_steps(hoarder: str, user_service: Door, order_pool: Pool) -> None:
    receipt = await user_service("EraseBuyer", erase(hoarder))
    assert receipt.erased["orders"] == 1203
    assert await order_pool.fetchval("SELECT count(*) FROM orders WHERE user_id = $1", hoarder) == 0


@pytest.mark.parametrize("page_token", ["none", str(uuid.uuid4())])
async def test_a_page_that_there_is_not_is_refused(
    ann: Door, user_service: Door, page_token: str
) -> None:
    request = held_pb.ExportBuyerRequest(user_id=ann.user_id, part="orders", page_token=page_token)
    assert (await refused(user_service("ExportBuyer", request))).reason == "INVALID_PAGE_TOKEN"
    request = held_pb.ExportBuyerRequest(user_id=ann.user_id, page_token=page_token)
    assert (await refused(user_service("ExportBuyer", request))).fields == ["page_token"]
    request = held_pb.ExportBuyerRequest(user_id=ann.user_id, part="activity")
    assert (await refused(user_service("ExportBuyer", request))).reason == "INVALID_FILTER"

"""The order service through its gRPC door: access, ownership, validation, errors."""

import asyncio
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from grpc import StatusCode
from grpc_status import rpc_status

from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from emporium.order.v1 import catalog_service_pb2_grpc, order_service_pb2_grpc
from emporium.order.v1 import order_service_pb2 as pb
from emporium.type.v1.address_pb2 import Address
from server.order.rules import Buyer
from tests.server.conftest import Token
from tests.server.order.conftest import FakeUsers

HOME = Address(
    recipient="Ann Example",
    street="1 High Street",
    city="Leeds",
    postal_code="LS1 1AA",
    country_code="GB",
)
MISSING = "01900000-0000-7000-8000-000000000000"


class Door:
    """The service's two stubs, with a token."""

    def __init__(self, channel: grpc.aio.Channel, token: str | None = None, user: str = "") -> None:
        self.user_id = user
        self._metadata = [("authorization", f"Bearer {token}")] if token else []
        self._catalog = catalog_service_pb2_grpc.CatalogServiceStub(channel)
        self._orders = order_service_pb2_grpc.OrderServiceStub(channel)

    async def __call__(self, name: str, request: Any, *headers: tuple[str, str]) -> Any:
        stub = self._catalog if "Product" in name else self._orders
        return await getattr(stub, name)(request, metadata=[*self._metadata, *headers])


@dataclass
class Refused:
    """What a refused call said."""

    code: StatusCode
    message: str
    reason: str
    fields: list[str]
    retry_seconds: int

    @classmethod
    def of(cls, error: grpc.aio.AioRpcError) -> "Refused":
        status = rpc_status.from_call(error)  # type: ignore[arg-type]
        assert status is not None
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        retry = error_details_pb2.RetryInfo()
        for detail in status.details:
            for kind in (info, bad, retry):
                detail.Unpack(kind)
        fields = [violation.field for violation in bad.field_violations]
        seconds = retry.retry_delay.seconds
        return cls(error.code(), error.details() or "", info.reason, fields, seconds)


async def refused(call: Any) -> Refused:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return Refused.of(raised.value)


@pytest.fixture
def anyone(order_channel: grpc.aio.Channel) -> Door:
    return Door(order_channel)


@pytest.fixture
def ann(order_channel: grpc.aio.Channel, token: Token) -> Door:
    """A customer."""
    user_id = str(uuid.uuid4())
    return Door(order_channel, token("CUSTOMER", user_id), user_id)


@pytest.fixture
def bob(order_channel: grpc.aio.Channel, token: Token) -> Door:
    """Another customer."""
    user_id = str(uuid.uuid4())
    return Door(order_channel, token("CUSTOMER", user_id), user_id)


@pytest.fixture
def staff(order_channel: grpc.aio.Channel, token: Token) -> Door:
    user_id = str(uuid.uuid4())
    return Door(order_channel, token("STAFF", user_id), user_id)


@pytest_asyncio.fixture
async def mug(staff: Door) -> catalog_pb.Product:
    """A product at 2.55."""
    product: catalog_pb.Product = await staff("CreateProduct", new_product())
    return product


def new_product(**fields: Any) -> catalog_pb.CreateProductRequest:
    given = {"sku": uuid.uuid4().hex, "name": "White mug", "unit_price": "2.55", **fields}
    return catalog_pb.CreateProductRequest(**given)


def item(product: catalog_pb.Product, quantity: int = 1, **fields: Any) -> pb.NewOrderItem:
    return pb.NewOrderItem(product_id=product.id, quantity=quantity, **fields)


def order_of(*items: pb.NewOrderItem, **fields: Any) -> pb.CreateOrderRequest:
    return pb.CreateOrderRequest(items=items, **fields)


def get(order: pb.Order) -> pb.GetOrderRequest:
    return pb.GetOrderRequest(order_id=order.id)


def update(order: pb.Order, **fields: Any) -> pb.UpdateOrderRequest:
    return pb.UpdateOrderRequest(order_id=order.id, **fields)


# ---------------------------------------------------------------- the catalogue


async def test_staff_add_products_that_anyone_may_read(staff: Door, anyone: Door) -> None:
    product = await staff("CreateProduct", new_product(unit_price="3", name="Tea cup"))
    assert (product.unit_price, product.currency, product.etag) == ("3.00", "GBP", "1")
    found = await anyone("GetProduct", catalog_pb.GetProductRequest(product_id=product.id.upper()))
    assert found == product
    request = catalog_pb.ListProductsRequest(sku=product.sku.upper(), max_price="3.00")
    listed = await anyone("ListProducts", request)
    assert (list(listed.products), listed.meta.total) == ([product], 1)


async def test_customers_add_no_products(ann: Door, anyone: Door) -> None:
    assert (await refused(ann("CreateProduct", new_product()))).reason == "PERMISSION_DENIED"
    assert (await refused(anyone("CreateProduct", new_product()))).reason == "UNAUTHENTICATED"


async def test_a_product_that_is_not_there_is_named(anyone: Door, staff: Door) -> None:
    missing = await refused(anyone("GetProduct", catalog_pb.GetProductRequest(product_id=MISSING)))
    assert (missing.code, missing.reason) == (StatusCode.NOT_FOUND, "PRODUCT_NOT_FOUND")
    first = await staff("CreateProduct", new_product())
    taken = await refused(staff("CreateProduct", new_product(sku=first.sku.upper())))
    assert (taken.code, taken.reason) == (StatusCode.ALREADY_EXISTS, "SKU_TAKEN")


async def test_a_product_is_added_once_for_a_key(staff: Door) -> None:
    request = new_product(request_id=uuid.uuid4().hex)
    assert await staff("CreateProduct", request) == await staff("CreateProduct", request)
    request.name = "Another mug"
    assert (await refused(staff("CreateProduct", request))).reason == "IDEMPOTENCY_KEY_REUSED"


@pytest.mark.parametrize("name", ["", "   ", "\t", "\u00a0\u2003"])
async def test_a_product_has_a_name(staff: Door, name: str) -> None:
    found = await refused(staff("CreateProduct", new_product(name=name)))
    assert (found.reason, found.fields[0]) == ("VALIDATION_FAILED", "name")


async def test_prices_between_bounds_that_cross_are_refused(anyone: Door) -> None:
    request = catalog_pb.ListProductsRequest(min_price="2.01", max_price="2")
    found = await refused(anyone("ListProducts", request))
    assert (found.code, found.reason) == (StatusCode.INVALID_ARGUMENT, "INVALID_FILTER")
    assert (found.fields, found.message) == (["max_price"], "'2.00' is below min_price, '2.01'")
    request.min_price = "2"
    await anyone("ListProducts", request)


# ---------------------------------------------------------------- placing


async def test_a_customer_places_an_order_at_the_shops_prices(
    ann: Door, mug: catalog_pb.Product
) -> None:
    before = datetime.now(UTC)
    order = await ann("CreateOrder", order_of(item(mug, 3), shipping_address=HOME))
    assert (order.user_id, order.status) == (ann.user_id, pb.Order.PENDING)
    assert (order.subtotal, order.total_price, order.currency) == ("7.65", "7.65", "GBP")
    assert (order.discount, order.shipping_price, order.tax) == ("0.00", "0.00", "0.00")
    assert order.shipping_address == HOME
    assert before <= order.order_date.ToDatetime(UTC) <= datetime.now(UTC)
    [line] = order.items
    assert (line.product_id, line.product_name, line.line_total) == (mug.id, mug.name, "7.65")
    assert await ann("GetOrder", get(order)) == order


async def test_staff_place_a_historical_order_for_somebody(staff: Door, ann: Door) -> None:
    then = Timestamp(seconds=1_291_191_960, nanos=123_456_789)
    line = pb.NewOrderItem(product_name="Lantern", unit_price="3.4", quantity=6)
    request = order_of(line, user_id=ann.user_id.upper(), order_date=then, currency="EUR")
    order = await staff("CreateOrder", request)
    assert (order.user_id, order.currency, order.total_price) == (ann.user_id, "EUR", "20.40")
    assert (order.order_date.seconds, order.order_date.nanos) == (then.seconds, 123_456_000)
    assert await ann("GetOrder", get(order)) == order


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"unit_price": "0.01"}, "PRICE_NOT_ALLOWED", "items[0].unit_price"),
        ({"product_name": "Mine"}, "STAFF_ONLY_FIELD", "items[0].product_name"),
    ],
)
async def test_a_customer_cannot_change_a_line(
    ann: Door, mug: catalog_pb.Product, fields: dict[str, str], reason: str, field: str
) -> None:
    found = await refused(ann("CreateOrder", order_of(item(mug, 1, **fields))))
    assert (found.code, found.reason) == (StatusCode.PERMISSION_DENIED, reason)
    assert found.fields == [field]


@pytest.mark.parametrize("field", ["user_id", "order_date"])
async def test_a_customer_cannot_order_for_others_or_in_the_past(
    ann: Door, mug: catalog_pb.Product, field: str
) -> None:
    value = {"user_id": MISSING, "order_date": Timestamp(seconds=1)}[field]
    found = await refused(ann("CreateOrder", order_of(item(mug), **{field: value})))
    assert (found.reason, found.fields) == ("STAFF_ONLY_FIELD", [field])


async def test_a_service_places_no_orders(
    order_channel: grpc.aio.Channel, token: Token, mug: catalog_pb.Product
) -> None:
    service = Door(order_channel, token("SERVICE"))
    found = await refused(service("CreateOrder", order_of(item(mug))))
    assert found.reason == "PERMISSION_DENIED"


async def test_missing_products_and_mixed_currencies_are_named(
    ann: Door, staff: Door, mug: catalog_pb.Product
) -> None:
    gone = pb.NewOrderItem(product_id=MISSING, quantity=1)
    missing = await refused(ann("CreateOrder", order_of(item(mug), gone)))
    assert (missing.code, missing.reason) == (StatusCode.NOT_FOUND, "PRODUCT_NOT_FOUND")
    assert missing.fields == ["items[1].product_id"]

    coin = await staff("CreateProduct", new_product(currency="EUR"))
    mixed = await refused(ann("CreateOrder", order_of(item(mug), item(coin))))
    assert (mixed.code, mixed.reason) == (StatusCode.INVALID_ARGUMENT, "CURRENCY_MISMATCH")


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (order_of(), "items"),
        (order_of(pb.NewOrderItem(product_id="mug", quantity=1)), "items[0].product_id"),
        (order_of(pb.NewOrderItem(product_id=MISSING)), "items[0].quantity"),
        (order_of(pb.NewOrderItem(product_id=MISSING, quantity=-1)), "items[0].quantity"),
        (order_of(pb.NewOrderItem(product_id=MISSING, quantity=1), currency="gbp"), "currency"),
        (
            order_of(
                pb.NewOrderItem(product_id=MISSING, quantity=1),
                shipping_address=Address(recipient="Ann"),
            ),
            "shipping_address.street",
        ),
        (
            order_of(
                pb.NewOrderItem(product_name="A", unit_price="1.234", quantity=1),
            ),
            "items[0].unit_price",
        ),
        (
            order_of(
                pb.NewOrderItem(product_id=MISSING, quantity=1),
                order_date=Timestamp(seconds=99_999_999_999),
            ),
            "order_date",
        ),
    ],
)
async def test_a_broken_rule_is_named(
    staff: Door, request_: pb.CreateOrderRequest, field: str
) -> None:
    found = await refused(staff("CreateOrder", request_))
    assert (found.code, found.reason) == (StatusCode.INVALID_ARGUMENT, "VALIDATION_FAILED")
    assert field in found.fields


async def test_a_date_that_no_calendar_has_is_refused(staff: Door) -> None:
    line = pb.NewOrderItem(product_name="A", unit_price="1", quantity=1)
    early = order_of(line, order_date=Timestamp(seconds=-99_999_999_999))
    found = await refused(staff("CreateOrder", early))
    assert (found.code, found.fields) == (StatusCode.INVALID_ARGUMENT, ["order_date"])


async def test_a_total_beyond_what_can_be_kept_is_refused(staff: Door) -> None:
    line = pb.NewOrderItem(product_name="Yacht", unit_price="9999999.99", quantity=100_000)
    assert (await refused(staff("CreateOrder", order_of(line, line)))).reason == "ORDER_TOO_LARGE"


async def test_a_repeat_gets_the_first_answer_whatever_happened_since(
    ann: Door, bob: Door, mug: catalog_pb.Product
) -> None:
    request = order_of(item(mug), request_id=uuid.uuid4().hex)
    first = await ann("CreateOrder", request)
    cancelled = update(first, status=pb.Order.CANCELLED)
    await ann("UpdateOrder", cancelled)
    assert await ann("CreateOrder", request) == first
    assert (await bob("CreateOrder", request)).id != first.id  # keys are kept per caller

    request.items[0].quantity = 2
    reused = await refused(ann("CreateOrder", request))
    assert (reused.code, reused.reason) == (StatusCode.ALREADY_EXISTS, "IDEMPOTENCY_KEY_REUSED")


async def test_the_key_may_come_as_a_header(ann: Door, mug: catalog_pb.Product) -> None:
    header = ("idempotency-key", uuid.uuid4().hex)
    first = await ann("CreateOrder", order_of(item(mug)), header)
    assert await ann("CreateOrder", order_of(item(mug)), header) == first


async def test_ten_at_once_with_one_key_place_one_order(ann: Door, mug: catalog_pb.Product) -> None:
    request = order_of(item(mug), request_id=uuid.uuid4().hex)
    answers = await asyncio.gather(*(ann("CreateOrder", request) for _ in range(10)))
    assert all(answer == answers[0] for answer in answers)
    assert (await ann("ListOrders", pb.ListOrdersRequest())).meta.total == 1


# ---------------------------------------------------------------- whose it is


async def test_a_foreign_order_and_a_missing_one_get_the_same_answer(
    ann: Door, bob: Door, mug: catalog_pb.Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    for name, request in (
        ("GetOrder", pb.GetOrderRequest),
        ("GetOrderUser", pb.GetOrderUserRequest),
        ("DeleteOrder", pb.DeleteOrderRequest),
        (
            "UpdateOrder",
            lambda order_id: pb.UpdateOrderRequest(order_id=order_id, status=pb.Order.CANCELLED),
        ),
    ):
        foreign = await refused(bob(name, request(order_id=order.id)))
        missing = await refused(bob(name, request(order_id=MISSING)))
        assert foreign.code is missing.code is StatusCode.NOT_FOUND
        assert foreign.reason == missing.reason == "ORDER_NOT_FOUND"
        assert foreign.message.replace(order.id, MISSING) == missing.message
    assert await ann("GetOrder", get(order)) == order


async def test_a_service_reaches_nobodys_orders(
    order_channel: grpc.aio.Channel, token: Token, ann: Door, mug: catalog_pb.Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    service = Door(order_channel, token("SERVICE"))
    for name, request in (
        ("GetOrder", get(order)),
        ("ListOrders", pb.ListOrdersRequest()),
        ("ListUserOrders", pb.ListUserOrdersRequest(user_id=ann.user_id)),
        ("GetOrderUser", pb.GetOrderUserRequest(order_id=order.id)),
        ("UpdateOrder", update(order, status=pb.Order.CANCELLED)),
        ("DeleteOrder", pb.DeleteOrderRequest(order_id=order.id)),
    ):
        assert (await refused(service(name, request))).reason == "PERMISSION_DENIED"
    assert await ann("GetOrder", get(order)) == order


async def test_nobody_gets_in_without_a_token(anyone: Door) -> None:
    found = await refused(anyone("ListOrders", pb.ListOrdersRequest()))
    assert (found.code, found.reason) == (StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


async def test_customers_list_their_own_orders_and_staff_all(
    ann: Door, bob: Door, staff: Door, mug: catalog_pb.Product
) -> None:
    made = [await ann("CreateOrder", order_of(item(mug, n))) for n in (1, 2, 3)]
    await bob("CreateOrder", order_of(item(mug)))

    listed = await ann("ListOrders", pb.ListOrdersRequest(per_page=2))
    assert [order.id for order in listed.orders] == [made[2].id, made[1].id]
    assert (listed.meta.total, listed.meta.page, listed.meta.per_page) == (3, 1, 2)
    token = listed.meta.next_page_token
    rest = await ann("ListOrders", pb.ListOrdersRequest(per_page=2, page_token=token))
    assert ([order.id for order in rest.orders], rest.meta.next_page_token) == ([made[0].id], "")

    cheapest = pb.ListUserOrdersRequest(user_id=ann.user_id, sort="total_price:asc", page=2)
    cheapest.per_page = 1
    found = await staff("ListUserOrders", cheapest)
    assert [order.id for order in found.orders] == [made[1].id]
    assert (await staff("ListOrders", pb.ListOrdersRequest())).meta.total >= 4


async def test_a_users_orders_are_for_the_user_and_staff(ann: Door, bob: Door, staff: Door) -> None:
    foreign = await refused(bob("ListUserOrders", pb.ListUserOrdersRequest(user_id=ann.user_id)))
    assert (foreign.code, foreign.reason) == (StatusCode.NOT_FOUND, "USER_NOT_FOUND")
    nobody = await staff("ListUserOrders", pb.ListUserOrdersRequest(user_id=MISSING))
    assert (len(nobody.orders), nobody.meta.total) == (0, 0)


async def test_lists_are_filtered_by_status_and_date(
    ann: Door, staff: Door, mug: catalog_pb.Product
) -> None:
    today = datetime.now(UTC).date()
    order = await ann("CreateOrder", order_of(item(mug)))

    async def count(**filters: Any) -> int:
        return int((await ann("ListOrders", pb.ListOrdersRequest(**filters))).meta.total)

    assert await count(status="Pending") == 1
    assert await count(status="paid") == 0
    assert await count(placed_after=str(today)) == 1
    assert await count(placed_before=str(today)) == 0
    assert await count(placed_before=f"{today + timedelta(days=1)}T00:00:00Z") == 1
    await staff("UpdateOrder", update(order, status=pb.Order.PAID))
    assert await count(status="PAID") == 1


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"status": "lost"}, "INVALID_FILTER", "status"),
        ({"placed_after": "yesterday"}, "INVALID_FILTER", "placed_after"),
        ({"sort": "user_id:asc"}, "UNKNOWN_SORT_FIELD", "sort"),
        ({"page_token": "forged"}, "INVALID_PAGE_TOKEN", "page_token"),
        ({"per_page": 101}, "VALIDATION_FAILED", "per_page"),
    ],
)
async def test_a_list_that_cannot_be_is_refused(
    ann: Door, fields: dict[str, Any], reason: str, field: str
) -> None:
    found = await refused(ann("ListOrders", pb.ListOrdersRequest(**fields)))
    assert (found.code, found.reason) == (StatusCode.INVALID_ARGUMENT, reason)
    assert found.fields == [field]


# ---------------------------------------------------------------- who placed it


async def test_who_placed_an_order_is_asked_of_the_user_service(
    ann: Door, users: FakeUsers, mug: catalog_pb.Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    request = pb.GetOrderUserRequest(order_id=order.id)
    gone = await refused(ann("GetOrderUser", request))
    assert (gone.code, gone.reason) == (StatusCode.NOT_FOUND, "USER_NOT_FOUND")

    users.buyers[ann.user_id] = Buyer(ann.user_id, "ann@example.com", "Ann Example")
    told = await ann("GetOrderUser", request)
    assert (told.id, told.email, told.full_name) == (ann.user_id, "ann@example.com", "Ann Example")

    users.is_away = True
    away = await refused(ann("GetOrderUser", request))
    assert (away.code, away.reason) == (StatusCode.UNAVAILABLE, "UNAVAILABLE")
    assert away.retry_seconds == 1


# ---------------------------------------------------------------- changing and deleting


async def test_an_order_goes_its_way(ann: Door, staff: Door, mug: catalog_pb.Product) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    order = await ann("UpdateOrder", update(order, shipping_address=HOME))
    assert (order.shipping_address, order.etag) == (HOME, "2")
    for status in (pb.Order.PAID, pb.Order.SHIPPED, pb.Order.DELIVERED, pb.Order.REFUNDED):
        order = await staff("UpdateOrder", update(order, status=status, etag=order.etag))
        assert order.status == status
    assert await ann("GetOrder", get(order)) == order


async def test_customers_may_cancel_and_do_no_more(
    ann: Door, staff: Door, mug: catalog_pb.Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    forbidden = await refused(ann("UpdateOrder", update(order, status=pb.Order.PAID)))
    assert (forbidden.code, forbidden.reason) == (StatusCode.PERMISSION_DENIED, "STAFF_ONLY_FIELD")
    cancelled = await ann("UpdateOrder", update(order, status=pb.Order.CANCELLED))
    assert cancelled.status == pb.Order.CANCELLED

    late = await refused(staff("UpdateOrder", update(order, status=pb.Order.PAID)))
    assert (late.code, late.reason) == (StatusCode.FAILED_PRECONDITION, "ILLEGAL_STATUS_MOVE")
    moved = await refused(ann("UpdateOrder", update(order, shipping_address=HOME)))
    assert moved.reason == "ORDER_NOT_PENDING"


async def test_the_address_is_cleared_by_the_mask(ann: Door, mug: catalog_pb.Product) -> None:
    order = await ann("CreateOrder", order_of(item(mug), shipping_address=HOME))
    mask = FieldMask(paths=["shipping_address"])
    cleared = await ann("UpdateOrder", update(order, update_mask=mask))
    assert not cleared.HasField("shipping_address")
    unclearable = update(order, update_mask=FieldMask(paths=["status"]))
    assert (await refused(ann("UpdateOrder", unclearable))).reason == "INVALID_UPDATE_MASK"
    assert (await refused(ann("UpdateOrder", update(order)))).reason == "NOTHING_TO_UPDATE"


async def test_a_stale_etag_is_refused(ann: Door, mug: catalog_pb.Product) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    await ann("UpdateOrder", update(order, shipping_address=HOME), ("if-match", '"1"'))
    stale = await refused(
        ann("UpdateOrder", update(order, status=pb.Order.CANCELLED), ("if-match", '"1"'))
    )
    assert (stale.code, stale.reason) == (StatusCode.ABORTED, "ETAG_MISMATCH")
    delete = pb.DeleteOrderRequest(order_id=order.id, etag="1")
    assert (await refused(ann("DeleteOrder", delete))).reason == "ETAG_MISMATCH"


async def test_only_an_order_that_came_to_nothing_is_deleted(
    ann: Door, staff: Door, mug: catalog_pb.Product
) -> None:
    order = await ann("CreateOrder", order_of(item(mug)))
    await ann("DeleteOrder", pb.DeleteOrderRequest(order_id=order.id))
    assert (await refused(ann("GetOrder", get(order)))).reason == "ORDER_NOT_FOUND"

    paid = await ann("CreateOrder", order_of(item(mug)))
    await staff("UpdateOrder", update(paid, status=pb.Order.PAID))
    kept = await refused(ann("DeleteOrder", pb.DeleteOrderRequest(order_id=paid.id)))
    assert (kept.code, kept.reason) == (StatusCode.FAILED_PRECONDITION, "ORDER_NOT_DELETABLE")

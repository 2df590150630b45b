"""Orders between Protobuf and dataclasses."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from emporium.order.v1 import order_service_pb2 as pb
from server.kit.listing.filters import choice
from server.kit.listing.filters import moment as moment_of_text
from server.kit.listing.paging import Page, PageQuery, page_meta
from server.kit.turns import in_turns
from server.kit.wire import fields_of_mask, moment, money_in, timestamp
from server.order.addresses.wire import from_address, to_address
from server.order.catalog.wire import amount
from server.order.neighbours import Buyer
from server.order.orders.rules import (
    CLEARABLE,
    Address,
    Edit,
    Fulfilment,
    Item,
    Line,
    ListedOrder,
    NewOrder,
    Order,
    OrderFilters,
    PaymentStatus,
    Quote,
    Status,
    number_of,
    payment_status,
    spelled,
)
from server.order.orders.wire.history import to_actor, to_history, to_note, to_notes
from server.order.pricing.rules import Step, StepKind

__all__ = [
    "ListRequest",
    "PlacingRequest",
    "expand",
    "from_create",
    "from_list",
    "from_update",
    "to_actor",
    "to_history",
    "to_list",
    "to_note",
    "to_notes",
    "to_order",
    "to_order_user",
    "to_quote",
    "to_user_list",
    "to_watched",
]

PlacingRequest = pb.CreateOrderRequest | pb.QuoteOrderRequest
_Text = Callable[[Decimal], str]
"""Writes amounts of one currency."""

ListRequest = pb.ListOrdersRequest | pb.ListUserOrdersRequest

_STATUSES = {Status(name): number for name, number in pb.Order.Status.items() if number}
_PAYMENT_STATUSES = {
    PaymentStatus(name): number for name, number in pb.PaymentProgress.Status.items() if number
}
_FULFILMENTS = {Fulfilment(name): number for name, number in pb.Fulfilment.Status.items() if number}
_UNUSED = "nothing is left that it could take off"
_STEPS = {StepKind(name): number for name, number in pb.PriceStep.Kind.items() if number}
_STATUSES_BY_NUMBER = {number: status for status, number in _STATUSES.items()}


def expand(order: pb.Order, buyers: Mapping[str, Buyer] | None) -> None:
    """Puts the person into the order; where `buyers` is None they could not be asked for."""
    if buyers is None:
        order.user_unavailable = True
    elif buyer := buyers.get(order.user_id):
        order.user.CopyFrom(to_order_user(buyer))


def to_order(order: Order) -> pb.Order:
    """An order on the wire."""
    address, text = order.shipping_address, money_in(order.currency)
    return pb.Order(
        id=order.id,
        user_id=order.user_id or "",
        status=_STATUSES[order.status],
        items=[_to_item(at, item, text) for at, item in enumerate(order.items, 1)],
        item_count=len(order.items),
        currency=order.currency,
        subtotal=text(order.subtotal),
        discount=text(order.discount),
        shipping_price=text(order.shipping_price),
        tax=text(order.tax),
        total_price=text(order.total_price),
        shipping_address=to_address(address) if address else None,
        order_date=timestamp(order.order_date),
        created_at=timestamp(order.created_at),
        updated_at=timestamp(order.updated_at),
        fulfilment_status=_FULFILMENTS[order.fulfilment_status],
        shipping_method_id=order.shipping_method_id or "",
        etag=order.etag,
        payment_status=_PAYMENT_STATUSES[payment_status(order)],
        promotion_codes=order.promotion_codes,
        included_tax=text(order.included_tax),
        captured=text(order.captured),
        refunded=text(order.refunded),
        number=spelled(order.number),
    )


async def to_list(query: PageQuery, page: Page[ListedOrder]) -> pb.ListOrdersResponse:
    """A page of orders on the wire."""
    return pb.ListOrdersResponse(orders=await _to_orders(page), meta=page_meta(query, page))


async def to_user_list(query: PageQuery, page: Page[ListedOrder]) -> pb.ListUserOrdersResponse:
    """A page of one user's orders on the wire."""
    return pb.ListUserOrdersResponse(orders=await _to_orders(page), meta=page_meta(query, page))


def to_watched(order: Order, *, is_last: bool) -> pb.WatchOrderResponse:
    """What has become of an order, on the wire."""
    return pb.WatchOrderResponse(order=to_order(order), token=order.etag, is_last=is_last)


def to_order_user(buyer: Buyer) -> pb.OrderUser:
    """Who placed an order, on the wire."""
    return pb.OrderUser(id=buyer.id, email=buyer.email, full_name=buyer.full_name)


def to_quote(quote: Quote) -> pb.Quote:
    """What an order would cost, on the wire."""
    price, text = quote.price, money_in(quote.currency)
    return pb.Quote(
        lines=[_to_item(at, item, text) for at, item in enumerate(quote.items, 1)],
        currency=quote.currency,
        subtotal=text(price.subtotal),
        discount=text(price.discount),
        shipping_price=text(price.shipping_price),
        tax=text(price.tax),
        total_price=text(price.total),
        steps=[_to_step(step, text) for step in price.steps],
        included_tax=text(price.included_tax),
        unused_codes=[pb.UnusedCode(code=each.code, reason=_UNUSED) for each in quote.unused],
    )


def _to_step(step: Step, text: _Text) -> pb.PriceStep:
    included = step.included_tax
    return pb.PriceStep(
        kind=_STEPS[step.kind],
        label=step.label,
        amount=text(step.amount),
        included_tax=None if included is None else text(included),
    )


def from_create(request: PlacingRequest) -> NewOrder:
    """The order that the caller asks for, or asks the price of.

    Raises `Invalid` for a date out of range.
    """
    return NewOrder(
        lines=tuple(_from_item(item) for item in request.items) or (_flat(request),),
        shipping_address=_from_address(request),
        user_id=request.user_id.lower() or None,
        order_date=moment(request.order_date, "order_date")
        if request.HasField("order_date")
        else None,
        currency=request.currency or None,
        shipping_method_id=request.shipping_method_id.lower() or None,
        promotion_codes=tuple(request.promotion_codes),
        shipping_address_id=request.shipping_address_id.lower() or None,
    )


def from_list(request: ListRequest, user_id: str | None) -> OrderFilters:
    """Which orders of `user_id`, or of everybody, the caller asks for. Raises `InvalidFilter`
    and `OrderNumberMistyped`.
    """
    return OrderFilters(
        user_id=user_id,
        status=choice(request.status, "status", Status, tuple(Status)),
        placed_after=moment_of_text(request.placed_after, "placed_after"),
        placed_before=moment_of_text(request.placed_before, "placed_before"),
        created_after=moment_of_text(request.created_after, "created_after"),
        created_before=moment_of_text(request.created_before, "created_before"),
        min_total=amount(request.min_total) if request.min_total else None,
        max_total=amount(request.max_total) if request.max_total else None,
        currency=request.currency or None,
        number=number_of(request.number, "number"),
    )


def from_update(request: pb.UpdateOrderRequest) -> Edit:
    """The change that the caller asks for. Raises `InvalidUpdateMask`."""
    present = {
        "status": _STATUSES_BY_NUMBER[request.status] if request.HasField("status") else None,
        "shipping_address": _from_address(request),
    }
    return Edit(
        fields_of_mask(request.update_mask.paths, present, CLEARABLE),
        request.etag,
        request.restock if request.HasField("restock") else None,
    )


async def _to_orders(page: Page[ListedOrder]) -> Sequence[pb.Order]:
    return await in_turns(page.rows, _to_listed, lambda listed: len(listed.order.items))


def _to_listed(listed: ListedOrder) -> pb.Order:
    message = to_order(listed.order)
    message.item_count = listed.item_count
    return message


def _to_item(position: int, item: Item, text: _Text) -> pb.OrderItem:
    discount, tax, included = item.discount, item.tax, item.included_tax
    return pb.OrderItem(
        product_id=item.product_id or "",
        product_name=item.product_name,
        unit_price=text(item.unit_price),
        quantity=item.quantity,
        line_total=text(item.line_total),
        position=position,
        shipped_quantity=item.shipped,
        discount=text(discount) if discount else None,
        tax=text(tax) if tax else None,
        included_tax=text(included) if included else None,
        returned_quantity=item.returned,
    )


def _from_item(item: pb.NewOrderItem) -> Line:
    return Line(
        product_id=item.product_id.lower() or None,
        product_name=item.product_name or None,
        unit_price=amount(item.unit_price) if item.unit_price else None,
        quantity=item.quantity,
    )


def _flat(request: PlacingRequest) -> Line:
    """The one line of an order that was sent without lines."""
    total = amount(request.total_price)
    return Line(None, request.product_name, None, request.quantity, total)


def _from_address(request: Any) -> Address | None:
    is_sent = request.HasField("shipping_address")
    return from_address(request.shipping_address) if is_sent else None

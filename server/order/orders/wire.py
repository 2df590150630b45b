"""Orders between Protobuf and dataclasses."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from emporium.order.v1 import order_service_pb2 as pb
from emporium.type.v1 import address_pb2
from server.kit.listing.filters import choice
from server.kit.listing.filters import moment as moment_of_text
from server.kit.listing.paging import Page, PageQuery, page_meta
from server.kit.turns import in_turns
from server.kit.wire import fields_of_mask, moment, money, timestamp
from server.order.catalog.wire import amount
from server.order.neighbours import Buyer
from server.order.orders.rules import (
    CLEARABLE,
    Actor,
    ActorKind,
    Address,
    Edit,
    Fulfilment,
    Item,
    Line,
    ListedOrder,
    NewOrder,
    Note,
    Order,
    OrderFilters,
    PastMove,
    PaymentStatus,
    Quote,
    Status,
    number_of,
    payment_status,
    spelled,
)
from server.order.pricing.rules import Step

PlacingRequest = pb.CreateOrderRequest | pb.QuoteOrderRequest
ListRequest = pb.ListOrdersRequest | pb.ListUserOrdersRequest

_STATUSES = {Status(name): number for name, number in pb.Order.Status.items() if number}
_PAYMENT_STATUSES = {
    PaymentStatus(name): number for name, number in pb.PaymentProgress.Status.items() if number
}
_FULFILMENTS = {Fulfilment(name): number for name, number in pb.Fulfilment.Status.items() if number}
_STATUSES_BY_NUMBER = {number: status for status, number in _STATUSES.items()}


def expand(order: pb.Order, buyers: Mapping[str, Buyer] | None) -> None:
    """Puts the person into the order; where `buyers` is None they could not be asked for."""
    if buyers is None:
        order.user_unavailable = True
    elif buyer := buyers.get(order.user_id):
        order.user.CopyFrom(to_order_user(buyer))


def to_order(order: Order) -> pb.Order:
    """An order on the wire."""
    address = order.shipping_address
    return pb.Order(
        id=order.id,
        user_id=order.user_id or "",
        status=_STATUSES[order.status],
        items=[_to_item(at, item, order.currency) for at, item in enumerate(order.items, 1)],
        item_count=len(order.items),
        currency=order.currency,
        subtotal=money(order.subtotal, order.currency),
        discount=money(order.discount, order.currency),
        shipping_price=money(order.shipping_price, order.currency),
        tax=money(order.tax, order.currency),
        total_price=money(order.total_price, order.currency),
        shipping_address=_to_address(address) if address else None,
        order_date=timestamp(order.order_date),
        created_at=timestamp(order.created_at),
        updated_at=timestamp(order.updated_at),
        fulfilment_status=_FULFILMENTS[order.fulfilment_status],
        shipping_method_id=order.shipping_method_id or "",
        etag=order.etag,
        payment_status=_PAYMENT_STATUSES[payment_status(order)],
        promotion_codes=order.promotion_codes,
        included_tax=money(order.included_tax, order.currency),
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
    currency, price = quote.currency, quote.price
    return pb.Quote(
        lines=[_to_item(at, item, currency) for at, item in enumerate(quote.items, 1)],
        currency=currency,
        subtotal=money(price.subtotal, currency),
        discount=money(price.discount, currency),
        shipping_price=money(price.shipping_price, currency),
        tax=money(price.tax, currency),
        total_price=money(price.total, currency),
        steps=[_to_step(step, currency) for step in price.steps],
        included_tax=money(price.included_tax, currency),
    )


def _to_step(step: Step, currency: str) -> pb.PriceStep:
    included = step.included_tax
    return pb.PriceStep(
        kind=pb.PriceStep.Kind.Value(step.kind),
        label=step.label,
        amount=money(step.amount, currency),
        included_tax=None if included is None else money(included, currency),
    )


def to_history(
    query: PageQuery, page: Page[PastMove], buyer_id: str | None, *, for_staff: bool
) -> pb.ListOrderHistoryResponse:
    """A page of an order's history on the wire; who of staff has acted is told to staff alone."""
    moves = [_to_move(move, buyer_id, for_staff=for_staff) for move in page.rows]
    return pb.ListOrderHistoryResponse(moves=moves, meta=page_meta(query, page))


def to_note(note: Note, buyer_id: str | None, *, for_staff: bool) -> pb.OrderNote:
    """A note on the wire; who of staff has written it is told to staff alone."""
    return pb.OrderNote(
        id=note.id,
        order_id=note.order_id,
        author=to_actor(note.author, buyer_id, for_staff=for_staff),
        text=note.text,
        visible_to_buyer=not note.is_internal,
        created_at=timestamp(note.created_at),
    )


def to_notes(
    query: PageQuery, page: Page[Note], buyer_id: str | None, *, for_staff: bool
) -> pb.ListOrderNotesResponse:
    """A page of the notes on an order, on the wire."""
    notes = [to_note(note, buyer_id, for_staff=for_staff) for note in page.rows]
    return pb.ListOrderNotesResponse(notes=notes, meta=page_meta(query, page))


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


def _to_move(move: PastMove, buyer_id: str | None, *, for_staff: bool) -> pb.OrderMove:
    return pb.OrderMove(
        id=move.id,
        from_status=_STATUSES[move.before] if move.before else None,
        to_status=_STATUSES[move.after],
        actor=to_actor(move.actor, buyer_id, for_staff=for_staff) if move.actor else None,
        reason=move.reason,
        occurred_at=timestamp(move.occurred_at),
    )


def to_actor(actor: Actor, buyer_id: str | None, *, for_staff: bool) -> pb.OrderMove.Actor:
    """Who has acted, on the wire; who of staff it was is told to staff alone."""
    told = pb.OrderMove.Actor(kind=pb.OrderMove.Actor.Kind.Value(actor.kind))
    if actor.kind is ActorKind.BUYER:
        told.user_id = buyer_id or ""
    elif actor.kind is ActorKind.STAFF:
        told.user_id = (actor.name or "") if for_staff else ""
    else:
        told.name = actor.name or ""
    return told


def _to_item(position: int, item: Item, currency: str) -> pb.OrderItem:
    return pb.OrderItem(
        product_id=item.product_id or "",
        product_name=item.product_name,
        unit_price=money(item.unit_price, currency),
        quantity=item.quantity,
        line_total=money(item.line_total, currency),
        position=position,
        shipped_quantity=item.shipped,
        discount=_share(item.discount, currency),
        tax=_share(item.tax, currency),
        included_tax=_share(item.included_tax, currency),
        returned_quantity=item.returned,
    )


def _share(amount: Decimal, currency: str) -> str | None:
    return money(amount, currency) if amount else None


def _to_address(address: Address) -> address_pb2.Address:
    return address_pb2.Address(
        recipient=address.recipient,
        street=address.street,
        city=address.city,
        postal_code=address.postal_code,
        country_code=address.country_code,
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
    if not request.HasField("shipping_address"):
        return None
    address = request.shipping_address
    return Address(
        recipient=address.recipient,
        street=address.street,
        city=address.city,
        postal_code=address.postal_code,
        country_code=address.country_code,
    )

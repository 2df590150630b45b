"""Placing an order: who may set which fields, and what it costs."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from server.kit import currencies, errors
from server.kit.errors import Violation
from server.order.catalog.rules import Offer, ProductNotFound, ProductStatus
from server.order.orders.rules.events import EventType, OrderEvent
from server.order.orders.rules.history import Move, person
from server.order.orders.rules.order import (
    Address,
    BuyerErased,
    Item,
    Order,
    StaffOnlyField,
    Status,
)
from server.order.pricing.rules import Price, PricedLine, price, unit_price
from server.order.shipping.rules import Method, Shipping, shipping

UNIT_PRICE_MAX = Decimal("999999999.9999")


class PriceNotAllowed(errors.Forbidden):
    """A customer tried to set a price."""

    reason = "PRICE_NOT_ALLOWED"


class ProductNotActive(errors.Conflict):
    """A product is not sold: not yet, or no more."""

    reason = "PRODUCT_NOT_ACTIVE"


class CurrencyMismatch(errors.Invalid):
    """The lines of an order are in different currencies."""

    reason = "CURRENCY_MISMATCH"


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is asked for: a product, or a name with a price; staff may send both."""

    product_id: str | None
    product_name: str | None
    unit_price: Decimal | None
    quantity: int
    total_price: Decimal | None = None  # of an order of this line alone: that of one follows

    @property
    def price_of_one(self) -> Decimal | None:
        """Its own; None: the product's."""
        return self.unit_price if self.total_price is None else self.total_price / self.quantity


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order as it is asked for; None for fields that were left out."""

    lines: Sequence[Line]
    shipping_address: Address | None
    user_id: str | None
    order_date: datetime | None
    currency: str | None
    shipping_method_id: str | None = None

    @property
    def product_ids(self) -> set[str]:
        """The products that the lines name."""
        return {line.product_id for line in self.lines if line.product_id}


@dataclass(frozen=True, slots=True)
class Quote:
    """What an order would be: its lines, and what they cost in its currency."""

    items: Sequence[Item]
    currency: str
    price: Price


class Placed(NamedTuple):
    """A new order, its event, and who places it."""

    order: Order
    event: OrderEvent
    caller_id: str

    def refused(self) -> errors.EmporiumError:
        """The error when the buyer was erased; the caller may be that, with a token good still."""
        if self.order.user_id == self.caller_id:
            return errors.AccountInactive("the account was deleted or disabled")
        return BuyerErased("the account was deleted", field="user_id")


def check_staff_fields(new: NewOrder, caller_id: str) -> None:
    """Raises `PriceNotAllowed` or `StaffOnlyField` for what a customer must not send.

    A customer may name itself as the owner, because that changes nothing.
    """
    for index, line in enumerate(new.lines):
        if line.total_price is not None:
            _refuse(PriceNotAllowed, "total_price")
        if line.unit_price is not None:
            _refuse(PriceNotAllowed, f"items[{index}].unit_price")
        if line.product_name is not None:
            _refuse(StaffOnlyField, f"items[{index}].product_name")
    if new.user_id is not None and new.user_id != caller_id:
        _refuse(StaffOnlyField, "user_id")
    if new.order_date is not None:
        _refuse(StaffOnlyField, "order_date")


def quote(
    new: NewOrder,
    offers: Mapping[str, Offer],
    shop_currency: str,
    method: Method | None = None,
) -> Quote:
    """What `new` comes to, at the prices of `offers`, by product id, where it has none of its own.

    `method` is how it is sent. Raises `ProductNotFound`, `ProductNotActive`, `CurrencyMismatch`,
    `OrderTooLarge`, what `shipping` does, or `Invalid` for a currency that is none and for prices
    with more decimals than theirs has.
    """
    errors.Invalid.check(currencies.unknown(new.currency))
    _check_products(new, offers)
    currency = _currency(new, offers, shop_currency)
    errors.Invalid.check(_too_fine(new.lines, currency))
    lines = _priced(new.lines, offers)
    items = tuple(
        _item(line, offers, priced.unit_price)
        for line, priced in zip(new.lines, lines, strict=True)
    )
    return Quote(items, currency, price(lines, currency, _shipping(new, offers, method, currency)))


def place(
    new: NewOrder,
    quoted: Quote,
    *,
    caller_id: str,
    order_id: str,
    event_id: str,
    now: datetime,
    traceparent: str | None = None,
    unpaid_for: timedelta | None = None,
) -> Placed:
    """The order for `new`, as it was quoted.

    It may be `unpaid_for` so long, None: for ever, unless it is a historical one, which was paid.
    """
    cost = quoted.price
    is_historical = new.order_date is not None and new.order_date < now
    order = Order(
        id=order_id,
        user_id=new.user_id or caller_id,
        status=Status.PAID if is_historical else Status.PENDING,
        items=quoted.items,
        currency=quoted.currency,
        subtotal=cost.subtotal,
        discount=cost.discount,
        shipping_price=cost.shipping_price,
        tax=cost.tax,
        total_price=cost.total,
        shipping_address=new.shipping_address,
        order_date=new.order_date or now,
        created_at=now,
        updated_at=now,
        version=1,
        expires_at=now + unpaid_for if unpaid_for and not new.order_date else None,
        captured=cost.total if is_historical else Decimal(0),
        shipping_method_id=new.shipping_method_id,
    )
    move = Move(None, order.status, person(caller_id, order.user_id))
    event = OrderEvent(event_id, EventType.PLACED, order, order.version, now, traceparent, move)
    return Placed(order, event, caller_id)


def sold(offers: Mapping[str, Offer], product_ids: Collection[str]) -> Mapping[str, Offer]:
    """Those of the offers that everybody sees; what is not sold is there for staff alone."""
    return {
        product_id: offer
        for product_id in product_ids
        if (offer := offers.get(product_id)) and offer.status is ProductStatus.ACTIVE
    }


def _refuse(kind: type[errors.Forbidden], field: str) -> None:
    raise kind(f"{field}: only staff may set it", field=field)


def _check_products(new: NewOrder, offers: Mapping[str, Offer]) -> None:
    found = [
        (f"items[{index}].product_id", offers.get(line.product_id))
        for index, line in enumerate(new.lines)
        if line.product_id
    ]
    missing = [Violation(field, "no such product") for field, offer in found if offer is None]
    if missing:
        raise ProductNotFound(f"{missing[0].field}: no such product", violations=missing)
    if new.order_date is not None:
        return  # it was sold then
    unsold = [
        Violation(field, f"the product is {offer.status}")
        for field, offer in found
        if offer and offer.status is not ProductStatus.ACTIVE
    ]
    if unsold:
        message = f"{unsold[0].field}: {unsold[0].description}"
        raise ProductNotActive(message, violations=unsold)


def _currency(new: NewOrder, offers: Mapping[str, Offer], shop_currency: str) -> str:
    """The one that was asked for, or the products', or the shop's; all products must share it."""
    currency = new.currency
    for index, line in enumerate(new.lines):
        if not line.product_id:
            continue
        offered = offers[line.product_id].currency
        currency = currency or offered
        if offered != currency:
            raise CurrencyMismatch(
                f"items[{index}]: {offered}, but the order is in {currency}",
                field=f"items[{index}].product_id",
            )
    return currency or shop_currency


def _too_fine(lines: Sequence[Line], currency: str) -> Iterator[Violation]:
    for index, line in enumerate(lines):
        if line.total_price is not None:
            yield from _indivisible(line.total_price, line.quantity, currency)
        yield from currencies.too_fine(line.unit_price, currency, f"items[{index}].unit_price")


def _indivisible(total: Decimal, quantity: int, currency: str) -> Iterator[Violation]:
    if finer := [*currencies.too_fine(total, currency, "total_price")]:
        yield from finer
    elif total % (currencies.unit_of(currency) * quantity):
        yield Violation("total_price", f"is not {quantity} times a price in {currency}; send items")
    elif total / quantity > UNIT_PRICE_MAX:
        most = currencies.most_in(currency, UNIT_PRICE_MAX)
        yield Violation("total_price", f"is more than {quantity} times {most}, which one may cost")


def _priced(lines: Sequence[Line], offers: Mapping[str, Offer]) -> Sequence[PricedLine]:
    """What one of each line costs: its own price, or the product's for as many as are ordered."""
    counts: Counter[str] = Counter()
    for line in lines:
        if line.product_id and line.unit_price is None:
            counts[line.product_id] += line.quantity
    priced = []
    for line in lines:
        one = each = line.price_of_one
        if one is None:
            assert line.product_id is not None, "the contract asks for a product or a price"
            offer = offers[line.product_id]
            one = offer.unit_price
            each = unit_price(one, offer.breaks, counts[line.product_id])
        assert each is not None
        priced.append(PricedLine(line.quantity, one, each))
    return priced


def _shipping(
    new: NewOrder, offers: Mapping[str, Offer], method: Method | None, currency: str
) -> Shipping | None:
    """What sending it costs, by what its products weigh."""
    if method is None:
        return None
    weighed = [(line.quantity, offers[line.product_id]) for line in new.lines if line.product_id]
    grams = sum(quantity * offer.weight_grams for quantity, offer in weighed)
    address = new.shipping_address
    return shipping(method, address.country_code if address else None, grams, currency)


def _item(line: Line, offers: Mapping[str, Offer], price: Decimal) -> Item:
    name = line.product_name
    if line.product_id:
        name = name or offers[line.product_id].name
    assert name is not None, "the contract asks for a product or a name"
    return Item(line.product_id, name, price, line.quantity)

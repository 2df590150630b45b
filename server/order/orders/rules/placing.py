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
from server.order.pricing.rules import (
    LinePrice,
    Price,
    PricedLine,
    Promotion,
    Terms,
    price,
    promotions_of,
    subtotal_of,
    unit_price,
)

_NO_TERMS = Terms()


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


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order as it is asked for; None for fields that were left out."""

    lines: Sequence[Line]
    shipping_address: Address | None
    user_id: str | None
    order_date: datetime | None
    currency: str | None
    promotion_codes: Sequence[str] = ()

    @property
    def is_taxed(self) -> bool:
        """Whether it can be: by the country that it is sent to, and not what was sold long ago."""
        return self.shipping_address is not None and self.order_date is None

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
    promotions: Sequence[Promotion] = ()  # in the order of their codes


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
        if line.unit_price is not None:
            _refuse(PriceNotAllowed, f"items[{index}].unit_price")
        if line.product_name is not None:
            _refuse(StaffOnlyField, f"items[{index}].product_name")
    if new.user_id is not None and new.user_id != caller_id:
        _refuse(StaffOnlyField, "user_id")
    if new.order_date is not None:
        _refuse(StaffOnlyField, "order_date")


def quote(
    new: NewOrder, offers: Mapping[str, Offer], shop_currency: str, terms: Terms = _NO_TERMS
) -> Quote:
    """What `new` comes to, at the prices of `offers`, by product id, where it has none of its own.

    Raises `ProductNotFound`, `ProductNotActive`, `CurrencyMismatch`, `OrderTooLarge`, what
    `promotions_of` raises, or `Invalid` for a currency that is none and for prices with more
    decimals than theirs has.
    """
    errors.Invalid.check(currencies.unknown(new.currency))
    errors.Invalid.check(_codes_of_the_past(new))
    _check_products(new, offers)
    currency = _currency(new, offers, shop_currency)
    errors.Invalid.check(_too_fine(new.lines, currency))
    lines = _priced(new.lines, offers)
    codes = new.promotion_codes
    promotions = promotions_of(codes, terms, currency, subtotal_of(lines)) if codes else ()
    address = new.shipping_address
    taxes = terms.taxes.of(address.country_code) if address and new.is_taxed else None
    cost = price(lines, currency, promotions, taxes)
    items = tuple(
        _item(line, offers, priced.unit_price, share)
        for line, priced, share in zip(new.lines, lines, cost.lines, strict=True)
    )
    return Quote(items, currency, cost, promotions)


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

    It may be `unpaid_for` so long, None: for ever, unless it is a historical one.
    """
    cost = quoted.price
    order = Order(
        id=order_id,
        user_id=new.user_id or caller_id,
        status=Status.PENDING,
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
        promotion_codes=tuple(each.code for each in quoted.promotions),
        included_tax=cost.included_tax,
    )
    move = Move(None, order.status, person(caller_id, order.user_id))
    event = OrderEvent(
        event_id,
        EventType.PLACED,
        order,
        order.version,
        now,
        traceparent,
        move,
        promotions=quoted.promotions,
    )
    return Placed(order, event, caller_id)


def sold(offers: Mapping[str, Offer], product_ids: Collection[str]) -> Mapping[str, Offer]:
    """Those of the offers that everybody sees; what is not sold is there for staff alone."""
    return {
        product_id: offer
        for product_id in product_ids
        if (offer := offers.get(product_id)) and offer.status is ProductStatus.ACTIVE
    }


def _codes_of_the_past(new: NewOrder) -> Iterator[Violation]:
    if new.promotion_codes and new.order_date is not None:
        yield Violation("promotion_codes", "an order of the past costs what its lines say")


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
        yield from currencies.too_fine(line.unit_price, currency, f"items[{index}].unit_price")


def _priced(lines: Sequence[Line], offers: Mapping[str, Offer]) -> Sequence[PricedLine]:
    """What one of each line costs: its own price, or the product's for as many as are ordered."""
    counts: Counter[str] = Counter()
    for line in lines:
        if line.product_id and line.unit_price is None:
            counts[line.product_id] += line.quantity
    priced = []
    for line in lines:
        one = each = line.unit_price
        offered = offers[line.product_id] if line.product_id else None
        if one is None:
            assert offered is not None, "the contract asks for a product or a price"
            one = offered.unit_price
            each = unit_price(one, offered.breaks, counts[line.product_id or ""])
        assert each is not None
        categories = offered.categories if offered else ()
        priced.append(PricedLine(line.quantity, one, each, line.product_id or "", categories))
    return priced


def _item(line: Line, offers: Mapping[str, Offer], price: Decimal, share: LinePrice) -> Item:
    name = line.product_name
    if line.product_id:
        name = name or offers[line.product_id].name
    assert name is not None, "the contract asks for a product or a name"
    return Item(line.product_id, name, price, line.quantity, *share)

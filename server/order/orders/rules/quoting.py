"""What an order that is asked for comes to: its lines, and what they cost."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from server.kit import currencies, errors
from server.kit.errors import Violation
from server.order.addresses.rules import Address
from server.order.catalog.rules import Offer, ProductNotFound, ProductStatus
from server.order.orders.rules.order import Item
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
from server.order.shipping.rules import Method, Shipping, shipping

UNIT_PRICE_MAX = Decimal("999999999.9999")

_NO_TERMS = Terms()


class ProductNotActive(errors.Conflict):
    """A product is not sold: not yet, or no more."""

    reason = "PRODUCT_NOT_ACTIVE"


class CurrencyMismatch(errors.Invalid):
    """The lines of an order are in different currencies."""

    reason = "CURRENCY_MISMATCH"


class Line(NamedTuple):
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
    promotion_codes: Sequence[str] = ()
    shipping_address_id: str | None = None  # one that the buyer has saved

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
    unused: Sequence[Promotion] = ()  # named, too: they take nothing off, and are not used up


def quote(
    new: NewOrder,
    offers: Mapping[str, Offer],
    shop_currency: str,
    method: Method | None = None,
    terms: Terms = _NO_TERMS,
) -> Quote:
    """What `new` comes to, at the prices of `offers`, by product id, where it has none of its own.

    `method` is how it is sent. Raises `ProductNotFound`, `ProductNotActive`, `CurrencyMismatch`,
    `OrderTooLarge`, what `shipping` and `promotions_of` raise, or `Invalid` for a currency that is
    none and for prices with more decimals than theirs has.
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
    sending = _shipping(new, offers, method, currency)
    cost = price(lines, currency, promotions, taxes, sending)
    items = tuple(
        _item(line, offers, priced.unit_price, share)
        for line, priced, share in zip(new.lines, lines, cost.lines, strict=True)
    )
    used = [each for each in promotions if each in cost.promotions]
    unused = [each for each in promotions if each not in cost.promotions]
    return Quote(items, currency, cost, used, unused)


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


def _check_products(new: NewOrder, offers: Mapping[str, Offer]) -> None:
    found = [
        (index, offers.get(line.product_id))
        for index, line in enumerate(new.lines)
        if line.product_id
    ]
    missing = [
        Violation(f"items[{index}].product_id", "no such product")
        for index, offer in found
        if offer is None
    ]
    if missing:
        raise ProductNotFound(f"{missing[0].field}: no such product", violations=missing)
    if new.order_date is not None:
        return  # it was sold then
    unsold = [
        Violation(f"items[{index}].product_id", f"the product is {offer.status}")
        for index, offer in found
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
        if line.unit_price is not None:
            field = f"items[{index}].unit_price"
            yield from currencies.too_fine(line.unit_price, currency, field)


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
    counts: dict[str, int] = {}
    for line in lines:
        if line.product_id and line.unit_price is None:
            counts[line.product_id] = counts.get(line.product_id, 0) + line.quantity
    priced = []
    for line in lines:
        one = each = line.price_of_one
        offered = offers[line.product_id] if line.product_id else None
        if one is None:
            assert offered is not None, "the contract asks for a product or a price"
            one = offered.unit_price
            each = unit_price(one, offered.breaks, counts[line.product_id or ""])
        assert each is not None
        categories = offered.categories if offered else ()
        priced.append(PricedLine(line.quantity, one, each, line.product_id or "", categories))
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


def _item(line: Line, offers: Mapping[str, Offer], price: Decimal, share: LinePrice) -> Item:
    name = line.product_name
    if line.product_id:
        name = name or offers[line.product_id].name
    assert name is not None, "the contract asks for a product or a name"
    return Item(line.product_id, name, price, line.quantity, *share)

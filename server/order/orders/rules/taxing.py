"""What taxes make of an order whose address is changed: its price was agreed, and stays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from server.kit import currencies, errors
from server.order.addresses.rules import Address
from server.order.orders.rules.order import Order
from server.order.pricing.rules import TaxTable, line_tax

_NOTHING = Decimal(0)


class TaxAgreed(errors.Conflict):
    """By the new address the order would be taxed otherwise than its buyer agreed to."""

    reason = "TAX_AGREED"


@dataclass(frozen=True, slots=True)
class Taxing:
    """The rates as they are now, and the categories of products, by product id."""

    taxes: TaxTable = field(default_factory=TaxTable)
    categories: Mapping[str, Sequence[str]] = field(default_factory=dict)


def retaxed(order: Order, address: Address | None, taxing: Taxing) -> Order:
    """`order`, of a new `address`: of another country's taxes it has what its prices contain.

    Raises `TaxAgreed` where the tax that is added would be another one.
    """
    agreed = order.shipping_address
    if address and agreed and address.country_code == agreed.country_code:
        return replace(order, shipping_address=address)  # whatever rates have become since
    taxes = taxing.taxes.of(address.country_code) if address else None
    items, added = [], _NOTHING
    for item in order.items:
        rate = taxes.rate_of(taxing.categories.get(item.product_id or "", ())) if taxes else None
        tax = line_tax(item.line_total - item.discount, rate, order.currency)
        added += tax.added
        items.append(replace(item, tax=tax.added, included_tax=tax.included))
    if added != order.tax:
        raise _taxed_otherwise(order, address, added)
    included = sum((item.included_tax for item in items), _NOTHING)
    return replace(order, shipping_address=address, items=tuple(items), included_tax=included)


def _taxed_otherwise(order: Order, address: Address | None, added: Decimal) -> TaxAgreed:
    was = f"{currencies.in_full(order.tax, order.currency):f}"
    now = f"{currencies.in_full(added, order.currency):f}"
    where = f"to {address.country_code}" if address else "without an address"
    field_ = "shipping_address.country_code" if address else "shipping_address"
    said = f"{was} {order.currency} tax was agreed, and {where} it is {now}"
    return TaxAgreed(f"{field_}: {said}; cancel the order and place it anew", field=field_)

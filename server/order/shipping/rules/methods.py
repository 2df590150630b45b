"""Shipping methods: where they go, and what that costs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from server.kit import currencies, errors
from server.kit.errors import Violation

REST_OF_THE_WORLD = "*"


class MethodNotFound(errors.NotFound):
    """No such shipping method, or none that is offered."""

    reason = "SHIPPING_METHOD_NOT_FOUND"


class NotShippedToCountry(errors.Invalid):
    """The method does not go there."""

    reason = "NOT_SHIPPED_TO_COUNTRY"


class OrderTooHeavy(errors.Invalid):
    """The order weighs more than the method takes there."""

    reason = "ORDER_TOO_HEAVY"


class AddressRequired(errors.Invalid):
    """The price of shipping depends on the country."""

    reason = "SHIPPING_ADDRESS_REQUIRED"


class MethodCurrencyDiffers(errors.Invalid):
    """The method's prices are in another currency than the order."""

    reason = "CURRENCY_MISMATCH"


class Band(NamedTuple):
    """What sending costs up to a weight."""

    max_weight_grams: int | None  # included; None: whatever it weighs
    price: Decimal


class Zone(NamedTuple):
    """Countries to which sending costs the same."""

    country_codes: tuple[str, ...]
    bands: tuple[Band, ...]  # by rising weights


@dataclass(frozen=True, slots=True)
class Method:
    """A way in which goods are sent. Ids are UUIDs as text, in lower case."""

    id: str
    name: str
    currency: str
    zones: tuple[Zone, ...]
    active: bool
    created_at: datetime
    updated_at: datetime
    version: int

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return str(self.version)


@dataclass(frozen=True, slots=True)
class NewMethod:
    """A method as the caller asks for it."""

    name: str
    currency: str | None  # None: the shop's
    zones: tuple[Zone, ...]
    active: bool = True


@dataclass(frozen=True, slots=True)
class MethodChange:
    """Fields to set, by name."""

    fields: Mapping[str, Any]
    etag: str  # empty: whatever the etag is


class Shipping(NamedTuple):
    """What sending an order costs, and how people are told."""

    label: str
    price: Decimal


def add_method(new: NewMethod, method_id: str, now: datetime, shop_currency: str) -> Method:
    """The method to store for `new`. Raises `Invalid` for its currency, zones or prices."""
    errors.Invalid.check(currencies.unknown(new.currency))
    currency = new.currency or shop_currency
    errors.Invalid.check([*_misplaced(new.zones), *_too_fine(new.zones, currency)])
    return Method(method_id, new.name, currency, new.zones, new.active, now, now, 1)


def change_method(method: Method, change: MethodChange, now: datetime) -> Method:
    """`method` after `change`; the same where it changes nothing.

    Raises `Outdated`, `NothingToUpdate`, and `Invalid` as `add_method` does.
    """
    if not change.fields:
        raise errors.NothingToUpdate("send at least one field to change")
    errors.Outdated.check(change.etag, method.etag, "shipping method")
    after = replace(method, **change.fields)
    if after == method:
        return method
    if after.currency != method.currency:
        errors.Invalid.check(currencies.unknown(after.currency))
    if "zones" in change.fields:
        errors.Invalid.check([*_misplaced(after.zones), *_too_fine(after.zones, after.currency)])
    elif after.currency != method.currency:
        errors.Invalid.check(_unfit(after.zones, after.currency))
    return replace(after, updated_at=now, version=method.version + 1)


def check_deletion(method: Method, etag: str) -> None:
    """Raises `Outdated`."""
    errors.Outdated.check(etag, method.etag, "shipping method")


def shipping(
    method: Method, country_code: str | None, weight_grams: int, currency: str
) -> Shipping:
    """What it costs to send so much there; `currency` is the order's, and None no address.

    Raises `MethodCurrencyDiffers`, `AddressRequired`, `NotShippedToCountry` or `OrderTooHeavy`.
    """
    if method.currency != currency:
        raise MethodCurrencyDiffers(
            f"shipping_method_id: its prices are in {method.currency}, and the order in {currency}",
            field="shipping_method_id",
        )
    if country_code is None:
        raise AddressRequired(
            "shipping_address: is needed for the price of shipping", field="shipping_address"
        )
    zone = _zone_of(method, country_code)
    if zone is None:
        raise NotShippedToCountry(
            f"shipping_address.country_code: {method.name} does not go to {country_code}",
            field="shipping_address.country_code",
        )
    for most, price in zone.bands:
        if most is None or weight_grams <= most:
            return Shipping(f"{method.name}, {weight_grams} g to {country_code}", price)
    raise OrderTooHeavy(
        f"shipping_method_id: {method.name} takes {zone.bands[-1].max_weight_grams} grams to"
        f" {country_code} at most, and these are {weight_grams}",
        field="shipping_method_id",
    )


def _zone_of(method: Method, country_code: str) -> Zone | None:
    """The zone that names the country, or else the one of all others."""
    for code in (country_code, REST_OF_THE_WORLD):
        for zone in method.zones:
            if code in zone.country_codes:
                return zone
    return None


def _misplaced(zones: Sequence[Zone]) -> Iterator[Violation]:
    if not zones:
        yield Violation("zones", "must have one at least")
    seen: dict[str, int] = {}
    for index, zone in enumerate(zones):
        for at, code in enumerate(zone.country_codes):
            field = f"zones[{index}].country_codes[{at}]"
            if code == REST_OF_THE_WORLD and len(zone.country_codes) > 1:
                yield Violation(field, "* is all other countries, and stands alone")
            elif seen.setdefault(code, index) != index:
                yield Violation(field, f"zones[{seen[code]}] has {code} already")
        yield from _unordered(zone, f"zones[{index}].bands")


def _unordered(zone: Zone, field: str) -> Iterator[Violation]:
    before = 0
    for index, (most, _) in enumerate(zone.bands):
        name = f"{field}[{index}].max_weight_grams"
        if most is None:
            if index + 1 < len(zone.bands):
                yield Violation(name, "may be left out of the last band alone")
            continue
        if most <= before:
            yield Violation(name, f"must be more than {before}, which has a price already")
        before = max(before, most)


def _prices(zones: Sequence[Zone]) -> Iterator[tuple[str, Decimal]]:
    for index, zone in enumerate(zones):
        for at, band in enumerate(zone.bands):
            yield f"zones[{index}].bands[{at}].price", band.price


def _too_fine(zones: Sequence[Zone], currency: str) -> Iterator[Violation]:
    for field, price in _prices(zones):
        yield from currencies.too_fine(price, currency, field)


def _unfit(zones: Sequence[Zone], currency: str) -> Iterator[Violation]:
    """The violation of a new currency that has fewer decimals than one of the kept prices."""
    for field, price in _prices(zones):
        if any(currencies.too_fine(price.normalize(), currency, field)):
            most = currencies.in_words(currencies.decimals_of(currency))
            said = f"amounts in {currency} may have {most}, and {field} is {price.normalize():f}"
            yield Violation("currency", said)
            return

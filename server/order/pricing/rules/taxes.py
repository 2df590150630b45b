"""Tax rates, and which of them a line is taxed by."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from server.kit import errors
from server.order.catalog.rules import Tree
from server.order.pricing.rules.rounding import part_of

RATES_MAX = 1_000
_NOTHING = Decimal(0)


class TaxRateNotFound(errors.NotFound):
    """No such tax rate."""

    reason = "TAX_RATE_NOT_FOUND"


class TaxRateExists(errors.AlreadyExists):
    """The country, or the category there, has a tax rate."""

    reason = "TAX_RATE_EXISTS"


class TooManyTaxRates(errors.Conflict):
    """There are as many as there may be."""

    reason = "TOO_MANY_TAX_RATES"


@dataclass(frozen=True, slots=True)
class TaxRate:
    """A rate of a country, or of a category there. Ids are UUIDs as text, in lower case."""

    id: str
    country_code: str
    category_id: str | None
    name: str
    rate: Decimal  # percent
    included: bool  # prices contain it
    created_at: datetime
    updated_at: datetime
    version: int

    @property
    def etag(self) -> str:
        """Changes with every change."""
        return str(self.version)

    @property
    def label(self) -> str:
        """For people, such as `VAT 20%`."""
        return f"{self.name} {self.rate.normalize():f}%"


@dataclass(frozen=True, slots=True)
class TaxRateFilters:
    """Which rates to list; None is no filter."""

    country_code: str | None = None
    category_id: str | None = None


@dataclass(frozen=True, slots=True)
class TaxRateChange:
    """Fields to set, by name."""

    fields: Mapping[str, Any]
    etag: str  # empty: whatever the etag is


@dataclass(frozen=True, slots=True)
class TaxTable:
    """All rates, and the tree that their categories are in."""

    rates: Mapping[tuple[str, str | None], TaxRate] = field(default_factory=dict)
    tree: Tree = field(default_factory=dict)

    def of(self, country_code: str) -> "Taxes":
        """Those of a country."""
        return Taxes(self, country_code)


@dataclass(frozen=True, slots=True)
class Taxes:
    """The taxes of one country."""

    table: TaxTable
    country_code: str

    def rate_of(self, categories: Sequence[str]) -> TaxRate | None:
        """The rate of what is in these categories: the nearest one's, else the country's, if any.

        Of two that are as near, the higher one.
        """
        rates, country = self.table.rates, self.country_code
        for level in self._levels(categories):
            found = [rates[country, each] for each in level if (country, each) in rates]
            if found:
                return max(found, key=lambda rate: (rate.rate, rate.id))
        return rates.get((country, None))

    def _levels(self, categories: Sequence[str]) -> Iterator[set[str]]:
        level = set(categories)
        while level and self.table.tree:
            yield level
            level = {up for each in level if (up := self.table.tree.get(each))}


class LineTax(NamedTuple):
    """The tax of a line, and the rate that it is by; None: of none."""

    rate: TaxRate | None
    added: Decimal = _NOTHING
    included: Decimal = _NOTHING


UNTAXED = LineTax(None)


def line_tax(taxable: Decimal, rate: TaxRate | None, currency: str) -> LineTax:
    """The tax on what a line costs, rounded half even to the currency's decimals."""
    if rate is None:
        return UNTAXED
    tax = part_of(taxable, rate.rate, currency, of_gross=rate.included)
    return LineTax(rate, included=tax) if rate.included else LineTax(rate, added=tax)


def check_room(count: int) -> None:
    """Raises `TooManyTaxRates` where there are so many."""
    if count >= RATES_MAX:
        raise TooManyTaxRates(f"there may be {RATES_MAX} tax rates; delete one first")


def change_rate(before: TaxRate, change: TaxRateChange, now: datetime) -> TaxRate:
    """`before` after `change`; the same where it changes nothing.

    Raises `NothingToUpdate` or `Outdated`.
    """
    if not change.fields:
        raise errors.NothingToUpdate("send at least one field to change")
    errors.Outdated.check(change.etag, before.etag, "tax rate")
    after = replace(before, **change.fields)
    if after == before:
        return before
    return replace(after, updated_at=now, version=before.version + 1)


def check_rate_deletion(rate: TaxRate, etag: str) -> None:
    """Raises `Outdated`."""
    errors.Outdated.check(etag, rate.etag, "tax rate")

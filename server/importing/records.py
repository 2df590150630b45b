"""What an import creates, and the idempotency key under which it creates each."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

# Namespace of all keys of imports. If it changed, a repeated import would create duplicates.
_NAMESPACE = uuid.UUID("6f1d2b1c-52b6-5c1b-9a58-6a5e6d0f1f0a")


@dataclass(frozen=True, slots=True)
class Customer:
    """An account to create."""

    number: str

    @property
    def email(self) -> str:
        """An address that no mail reaches."""
        return f"customer-{self.number}@import.example"

    @property
    def full_name(self) -> str:
        """Made of the number, which is all that the file has of a customer."""
        return f"Customer {self.number}"

    @property
    def key(self) -> str:
        """The idempotency key of its create."""
        return _key("customer", self.number)


@dataclass(frozen=True, slots=True)
class Product:
    """A product to create: its code, and the first description and price of it in the file."""

    sku: str
    name: str
    unit_price: Decimal

    @property
    def key(self) -> str:
        """The idempotency key of its create."""
        return _key("product", self.sku.upper())


class Line(NamedTuple):
    """One line of an order to create."""

    sku: str
    name: str
    unit_price: Decimal
    quantity: int

    @property
    def total(self) -> Decimal:
        """Price times quantity."""
        return self.unit_price * self.quantity


@dataclass(frozen=True, slots=True)
class Order:
    """An order to create."""

    name: str  # for people who look for it in the file
    customer: str
    placed_at: datetime
    lines: Sequence[Line]
    is_cancelled: bool

    @property
    def key(self) -> str:
        """The idempotency key of its create."""
        return _key("order", self.name, self.customer)

    @property
    def total(self) -> Decimal:
        """The sum of the lines."""
        return sum((line.total for line in self.lines), Decimal(0))


@dataclass(slots=True)
class Sums:
    """The sums of the orders of a file."""

    orders: int = 0
    units: int = 0
    gross: Decimal = Decimal(0)
    cancelled: Decimal = Decimal(0)

    @property
    def net(self) -> Decimal:
        """The gross without what was cancelled."""
        return self.gross - self.cancelled

    def add(self, order: Order) -> None:
        """Adds one order."""
        self.orders += 1
        self.units += sum(line.quantity for line in order.lines)
        self.gross += order.total
        if order.is_cancelled:
            self.cancelled += order.total


def _key(*parts: str) -> str:
    return str(uuid.uuid5(_NAMESPACE, "\n".join(parts)))

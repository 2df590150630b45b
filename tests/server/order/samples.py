"""Products and orders to test with, each new."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from secrets import randbelow
from typing import Any

from uuid_utils import uuid7

from server.order.catalog.rules import Added, NewProduct, Offer, Product, add_product
from server.order.orders.rules import (
    NUMBERS,
    Act,
    Actor,
    ActorKind,
    Drawn,
    Line,
    NewOrder,
    Placed,
    place,
    quote,
)

NOW = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
GBP = "GBP"
STAFF = "0190f3c4-0000-7000-8000-00000000000a"


def new_id() -> str:
    return str(uuid7())


def act(event_id: str = "", **fields: Any) -> Act:
    """Something that staff do to an order."""
    asked: dict[str, Any] = {"actor": Actor(ActorKind.STAFF, STAFF), "at": NOW}
    return Act(event_id or new_id(), **{**asked, **fields})


def added(product: Product) -> Added:
    """That product, as one that is new."""
    asked = NewProduct(product.sku, product.name, Decimal(1), GBP)
    event = add_product(asked, product.id, new_id(), NOW, GBP).event
    return Added(product, replace(event, product=product))


def product(**fields: Any) -> Product:
    asked = {
        "sku": uuid.uuid4().hex,
        "name": "White mug",
        "unit_price": Decimal("2.55"),
        "currency": None,
    }
    return add_product(NewProduct(**{**asked, **fields}), new_id(), new_id(), NOW, GBP).product


def line(name: str = "Mug", price: str = "2.55", quantity: int = 1) -> Line:
    return Line(None, name, Decimal(price), quantity)


def new_order(*lines: Line, **fields: Any) -> NewOrder:
    asked: dict[str, Any] = {
        "lines": lines or (line(),),
        "shipping_address": None,
        "user_id": None,
        "order_date": None,
        "currency": None,
    }
    return NewOrder(**{**asked, **fields})


def placed(
    *lines: Line,
    offers: dict[str, Offer] | None = None,
    caller_id: str | None = None,
    now: datetime = NOW,
    number: int | None = None,
    **fields: Any,
) -> Placed:
    new = new_order(*lines, **fields)
    return place(
        new,
        quote(new, offers or {}, GBP),
        Drawn(new_id(), new_id(), randbelow(NUMBERS) if number is None else number),
        caller_id=caller_id or str(uuid.uuid4()),
        now=now,
    )


def many(count: int, **fields: Any) -> Sequence[Placed]:
    return [placed(**fields) for _ in range(count)]

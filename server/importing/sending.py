"""Sends a plan through the services' own API: customers and products first, then their orders.

Everything is created under a key that follows from the file alone, so an interrupted import is
run again, and repeating a complete one changes nothing. That holds for the 30 days for which the
services keep a key.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from emporium import (
    AlreadyExists,
    Conflict,
    Emporium,
    EmporiumError,
    Listing,
    OrderLine,
    PermissionDenied,
    Unauthenticated,
)
from emporium import Order as PlacedOrder
from server.importing.plan import Plan
from server.importing.records import Customer, Order, Product
from server.importing.retries import retried

Item = TypeVar("Item")
Found = TypeVar("Found")


class Watcher(Protocol):
    """Gets the progress of an import."""

    def begun(self, what: str, total: int) -> None:
        """The sending of `total` items, such as `orders`, begins."""

    def advanced(self, what: str) -> None:
        """One more was sent."""


@dataclass(frozen=True, slots=True)
class Failure:
    """An item whose import failed permanently."""

    what: str
    error: str


@dataclass
class Sending:
    """The sending of one plan. `shop` is signed in as staff, `admin` as an admin."""

    plan: Plan
    shop: Emporium
    admin: Emporium
    currency: str
    concurrency: int
    watcher: Watcher
    failures: list[Failure] = field(default_factory=list)
    user_ids: dict[str, str] = field(default_factory=dict)  # by customer's number
    product_ids: dict[str, str] = field(default_factory=dict)  # by code in capitals

    async def run(self) -> None:
        """Sends all of it; items that fail permanently are added to `failures`.

        Raises `RetriesExhausted` when a service stays unreachable, and `PermissionDenied` or
        `Unauthenticated` when the accounts lack the permission.
        """
        await self._each("customers", self.plan.customers, self._send_customer)
        await self._each("products", self.plan.products, self._send_product)
        await self._each("orders", self.plan.orders, self._send_order)

    async def _each(
        self, what: str, items: Iterable[Item], send: Callable[[Item], Awaitable[None]]
    ) -> None:
        """Sends all `items`, `concurrency` of them at a time."""
        waiting = list(items)
        self.watcher.begun(what, len(waiting))
        queue = iter(waiting)

        async def sender() -> None:
            for item in queue:
                try:
                    await send(item)
                except (PermissionDenied, Unauthenticated):
                    raise
                except EmporiumError as error:
                    self.failures.append(Failure(_name(item), str(error)))
                self.watcher.advanced(what)

        try:
            async with asyncio.TaskGroup() as senders:
                for _ in range(self.concurrency):
                    senders.create_task(sender())
        except ExceptionGroup as group:
            # All senders fail for the same reason, so the first error stands for all.
            raise group.exceptions[0] from None

    async def _send_customer(self, customer: Customer) -> None:
        try:
            user = await retried(
                lambda: self.shop.users.create(
                    customer.email, customer.full_name, idempotency_key=customer.key
                )
            )
        except AlreadyExists as error:
            user = await _only(self.admin.users.list(email=customer.email), error)
        self.user_ids[customer.number] = user.id

    async def _send_product(self, product: Product) -> None:
        try:
            made = await retried(
                lambda: self.shop.products.create(
                    product.sku,
                    product.name,
                    product.unit_price,
                    currency=self.currency,
                    idempotency_key=product.key,
                )
            )
        except AlreadyExists as error:
            # It was added by other means, or by an import of a file that names it differently.
            made = await _only(self.shop.products.list(sku=product.sku), error)
        self.product_ids[product.sku.upper()] = made.id

    async def _send_order(self, order: Order) -> None:
        user_id = self.user_ids.get(order.customer)
        lines = [
            OrderLine(
                self.product_ids.get(line.sku.upper(), ""),
                quantity=line.quantity,
                product_name=line.name,
                unit_price=line.unit_price,
            )
            for line in order.lines
        ]
        if user_id is None:
            self.failures.append(Failure(order.name, f"there is no customer {order.customer}"))
            return
        placed = await retried(
            lambda: self.shop.orders.create(
                lines,
                user_id=user_id,
                order_date=order.placed_at,
                currency=self.currency,
                idempotency_key=order.key,
            )
        )
        if order.is_cancelled:
            await self._cancel(placed.id)

    async def _cancel(self, order_id: str) -> None:
        try:
            await retried(lambda: self.shop.orders.update(order_id, status="cancelled"))
        except Conflict:
            # An earlier attempt or an earlier import may have cancelled it.
            order = await retried(lambda: self.shop.orders.get(order_id))
            if order.status != PlacedOrder.CANCELLED:
                raise


async def _only(listing: Listing[Found], taken: AlreadyExists) -> Found:
    """The only item of `listing`. Raises `taken` when there is none."""
    page = await retried(listing.first_page)
    if not page.items:
        raise taken
    return page.items[0]


def _name(item: object) -> str:
    match item:
        case Customer(number=number):
            return f"customer {number}"
        case Product(sku=sku):
            return f"product {sku}"
        case Order(name=name):
            return f"invoice {name}"
    raise TypeError(f"nothing that is sent: {item!r}")

"""Sends a plan through the services' own API: customers and products first, then their orders.

Everything is created under a key that follows from the file alone, so an import that was cut short
is simply run again, and an import that was complete changes nothing. That holds for the 30 days
for which the services remember a key.
"""

import asyncio
import time
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
from server.importing.patience import patiently
from server.importing.plan import Plan
from server.importing.records import Customer, Order, Product

Item = TypeVar("Item")
Found = TypeVar("Found")


class Watcher(Protocol):
    """Is told how far an import has come."""

    def begun(self, what: str, total: int) -> None:
        """`total` of something, such as `orders`, are about to be sent."""

    def advanced(self, what: str) -> None:
        """One more is there."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that cannot be brought in, however often it is tried."""

    what: str
    error: str


class Login:
    """Supplies one account's token, and signs in again before it runs out."""

    def __init__(self, door: Emporium, email: str, password: str) -> None:
        self._door = door
        self._email = email
        self._password = password
        self._token = ""
        self._renew_at = 0.0  # time.monotonic()
        self._turn = asyncio.Lock()

    async def __call__(self) -> str:
        """The token to send now."""
        async with self._turn:
            if time.monotonic() >= self._renew_at:
                answer = await self._door.auth.login(self._email, self._password)
                self._token = answer.access_token
                self._renew_at = time.monotonic() + answer.expires_in / 2
        return self._token


@dataclass
class Sending:
    """A plan on its way. `shop` is signed in as staff, `admin` as an admin."""

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
        """Sends all of it; what can never be brought in is added to `failures`.

        Raises `OutOfPatience` when a service stays away, and `PermissionDenied` or
        `Unauthenticated` when the accounts are not what they should be.
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
            # All senders end for the same reason; the first tells it.
            raise group.exceptions[0] from None

    async def _send_customer(self, customer: Customer) -> None:
        try:
            user = await patiently(
                lambda: self.shop.users.create(
                    customer.email, customer.full_name, idempotency_key=customer.key
                )
            )
        except AlreadyExists as error:
            user = await _only(self.admin.users.list(email=customer.email), error)
        self.user_ids[customer.number] = user.id

    async def _send_product(self, product: Product) -> None:
        try:
            made = await patiently(
                lambda: self.shop.products.create(
                    product.sku,
                    product.name,
                    product.unit_price,
                    currency=self.currency,
                    idempotency_key=product.key,
                )
            )
        except AlreadyExists as error:
            # Somebody else's, or our own of another file, which names it otherwise.
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
        placed = await patiently(
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
            await patiently(lambda: self.shop.orders.update(order_id, status="cancelled"))
        except Conflict:
            # An attempt before this one, or an import before this one, may have done it.
            order = await patiently(lambda: self.shop.orders.get(order_id))
            if order.status != PlacedOrder.CANCELLED:
                raise


async def _only(listing: Listing[Found], taken: AlreadyExists) -> Found:
    """The one that was there already. Raises `taken` when it cannot be found after all."""
    page = await patiently(listing.first_page)
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

"""Where payments are stored: the interface of a store."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from server.kit.context import Key
from server.kit.listing.paging import Page, PageQuery
from server.kit.outbox import Event
from server.kit.postgres.transaction import UnitOfWork
from server.order.orders.rules import Changed, Order
from server.order.payments.rules import Operation, Payment, PaymentEvent, Step

SORTABLE: Mapping[str, type] = {"created_at": datetime}
"""The columns that `PaymentStore.list` can sort by, with their types."""

Encode = Callable[[PaymentEvent], Event]
"""Puts an event into the outbox's envelope."""


class Orders(Protocol):
    """The orders that are paid, in the unit of work of their payments.

    Whoever changes a payment has locked its order before: there is no other lock.
    """

    async def lock(self, unit: UnitOfWork, order_id: str, owner_scope: str | None) -> Order:
        """The order, whose row is locked. Raises `OrderNotFound`."""

    async def keep(self, unit: UnitOfWork, before: Order, changed: Changed) -> None:
        """Writes what the order has become, with all that follows from it."""

    async def user_of(self, order_id: str, owner_scope: str | None) -> str | None:
        """Whose order it is; None: nobody's any more. Raises `OrderNotFound`."""

    def told(self, order_id: str) -> None:
        """Wakes the relays, and those who watch the order, after a commit."""


class Returns(Protocol):
    """The returns for which something is given back, in the unit of work of their payments."""

    async def follow(self, unit: UnitOfWork, operation: Operation) -> None:
        """Writes what a refund that is over means for its return, whose order `unit` has locked."""


class PaymentStore(Protocol):
    """Payments, what their provider is asked for, and the ledger: always written together.

    An `owner_scope` is whose orders the caller may reach, None for everybody's.
    """

    async def begin(
        self,
        order_id: str,
        owner_scope: str | None,
        begin: Callable[[Order, int], Step],
        key: Key | None,
        answer: Callable[[Payment], bytes],
    ) -> bytes:
        """Adds the payment that `begin` makes for the order, which has so many; its answer.

        The answer is kept under `key`; that is the first one when `key` was used before with the
        same body, and nothing is changed. Raises `OrderNotFound`, `IdempotencyKeyReused`, and what
        `begin` raises.
        """

    async def ask(
        self,
        payment_id: str,
        ask: Callable[[Order, Payment], Step],
        key: Key | None,
        answer: Callable[[Payment], bytes],
    ) -> bytes:
        """Writes down what the provider is asked for; otherwise as `begin`.

        Raises `PaymentNotFound`.
        """

    async def settle(
        self, operation_id: str, settle: Callable[[Order, Payment, Operation], Step]
    ) -> Payment:
        """Writes what `settle` makes of an operation that is open; one that is not stays."""

    async def postpone(self, operation_id: str, due_at: datetime) -> None:
        """The provider is asked again at that time what has become of an open operation."""

    async def get(self, payment_id: str, owner_scope: str | None) -> Payment:
        """The payment. Raises `PaymentNotFound`."""

    async def operation(self, operation_id: str) -> Operation | None:
        """What a provider was asked for by that key."""

    async def list(self, order_id: str, owner_scope: str | None, query: PageQuery) -> Page[Payment]:
        """One page of an order's payments. Raises `OrderNotFound`."""

    async def due(self, now: datetime, count_max: int) -> Sequence[Operation]:
        """So many of the open operations of which it is time to ask, the longest due first."""

    async def notice(self, provider: str, notice_id: str, operation_id: str, now: datetime) -> bool:
        """Keeps that a notice came, which makes its operation due; False: it came before."""

    async def forget_notices(self, before: datetime) -> None:
        """Deletes those that came before then."""

"""Where carts are stored: the interface of a store."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from server.kit.context import Key
from server.kit.outbox import Event
from server.kit.postgres.transaction import UnitOfWork
from server.kit.postgres.writes import Write
from server.order.carts.rules import Cart, Goods, Reach

Encode = Callable[[Cart, datetime], Event]
"""The event that a cart was abandoned at that moment, in the outbox's envelope."""

Turn = Callable[[UnitOfWork], Awaitable[Write]]
"""Locks a cart in the unit of work of its order, and gives what is written of it there."""


class Secrets(NamedTuple):
    """What is kept of how a cart without an owner is reached, and of where it was made."""

    secret_hash: bytes
    address_hash: bytes | None


class CartStore(Protocol):
    """Carts. A cart outside of the caller's `Reach` is not found. Errors as in `CatalogStore`."""

    async def create(
        self,
        cart: Cart,
        secrets: Secrets | None,
        key: Key | None,
        answer: Callable[[Cart], bytes],
    ) -> bytes:
        """Adds the cart, or finds the active one that its owner has; gives the answer about it.

        Raises `TooManyCarts`, `OwnerErased` and `IdempotencyKeyReused`.
        """

    async def get(self, cart_id: str, reach: Reach) -> Cart:
        """Raises `CartNotFound`."""

    async def update(
        self,
        cart_id: str,
        reach: Reach,
        change: Callable[[Cart, Goods | None], Cart],
        product_id: str | None = None,
    ) -> tuple[Cart, Goods | None]:
        """Stores what `change` makes of the cart, with what is offered of the product.

        `change` is pure, and runs again when the cart was changed meanwhile. Raises
        `CartNotFound`, and `CartChanged` when it always was.
        """

    async def delete(self, cart_id: str, reach: Reach, check: Callable[[Cart], None]) -> None:
        """Deletes the cart, unless `check` raises. Raises `CartNotFound`."""

    async def merge(
        self,
        cart_id: str,
        reach: Reach,
        own: Cart,
        change: Callable[[Cart, Cart], tuple[Cart, Cart]],
    ) -> Cart:
        """Stores what `change` makes of the cart that has the secret, and of the owner's of `own`.

        That is the active one, or `own`, which is new. Gives the owner's; of a cart that was merged
        into one of the owner's already, that; of one that is the owner's, itself. Raises
        `CartNotFound`, `OwnerErased`.
        """

    def ordering(self, before: Cart, after: Cart) -> Turn:
        """The turn in which `before` becomes `after`. It raises `CartChanged`."""

    async def goods(self, product_ids: Collection[str]) -> Mapping[str, Goods]:
        """What is offered of those of the products that there are, by their ids."""

    async def abandon(self, now: datetime, count_max: int) -> int:
        """Deletes that many carts that have expired by `now`, and tells; gives their number."""

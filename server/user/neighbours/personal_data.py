"""Asks the other services for what they hold of a person, and has them erase it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

import emporium
from server.kit import errors
from server.kit.receipts import Receipt

_ERASE_SECONDS = 3.0  # for one call; an erasure of much takes several
_EXPORT_SECONDS = 3.0  # with repeats

# It is unreachable, too slow, overloaded, of a version without the rpc, does not accept our token,
# or is erasing the person already: none of it is the person's fault, or the caller's.
_AWAY = (
    emporium.Unavailable,
    emporium.DeadlineExceeded,
    emporium.RateLimited,
    emporium.Cancelled,
    emporium.Conflict,
    emporium.Unimplemented,
    emporium.Unauthenticated,
    emporium.PermissionDenied,
    emporium.InternalError,
)


class Erase(Protocol):
    """A method of the client that erases."""

    async def __call__(
        self, user_id: str, erased_at: datetime, *, timeout_seconds: float | None = None
    ) -> emporium.ErasureReceipt: ...


class Export(Protocol):
    """A method of the client that exports."""

    async def __call__(
        self,
        user_id: str,
        *,
        part: str = "",
        page_token: str = "",
        timeout_seconds: float | None = None,
    ) -> Sequence[emporium.ExportedPart]: ...


class Neighbour:
    """What one other service holds of people, through Emporium's own client."""

    def __init__(
        self, service: str, store: str, names: Sequence[str], erase: Erase, export: Export
    ) -> None:
        """`names` are those of the parts that it gives."""
        self.service = service
        self.store = store
        self.names = names
        self._erase = erase
        self._export = export

    async def erase(self, user_id: str, erased_at: datetime) -> Receipt:
        """Leaves nothing of the person there. Raises `Unavailable`; a repeat goes on."""
        try:
            given = await self._erase(user_id, erased_at, timeout_seconds=_ERASE_SECONDS)
        except _AWAY as error:
            raise self._away() from error
        return Receipt(given.store, dict(given.erased), given.completed_at.ToDatetime(UTC))

    async def export(
        self, user_id: str, part: str, page_token: str
    ) -> Sequence[emporium.ExportedPart]:
        """Its parts, or a page of one. Raises `Unavailable` and `InvalidPageToken`."""
        try:
            return await self._export(
                user_id, part=part, page_token=page_token, timeout_seconds=_EXPORT_SECONDS
            )
        except emporium.InvalidRequest as error:
            raise errors.InvalidPageToken(error.message, field="page_token") from error
        except _AWAY as error:
            raise self._away() from error

    def _away(self) -> errors.Unavailable:
        return errors.Unavailable(f"the {self.service} service cannot be reached")


def neighbours(shop: emporium.Emporium) -> Sequence[Neighbour]:
    """Everybody who holds something of people."""
    orders, events = shop.orders, shop.events
    return (
        Neighbour(
            "order",
            "order/postgres",
            ("orders", "order_history", "order_notes", "shipments"),
            orders.erase_buyer,
            orders.export_buyer,
        ),
        Neighbour(
            "analytics",
            "analytics/mongodb",
            ("activity", "sales"),
            events.erase_activity,
            events.export_activity,
        ),
    )

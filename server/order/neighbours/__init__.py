"""What the order service asks of other services, and how it calls them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from server.kit import errors


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who placed an order."""

    id: str
    email: str
    full_name: str
    email_verified: bool = False  # shown to be theirs


class BuyerNotFound(errors.NotFound):
    """The account that placed an order was deleted."""

    reason = "USER_NOT_FOUND"


class Users(Protocol):
    """Looks up the users that placed orders."""

    async def get(self, user_id: str) -> Buyer:
        """The account, as it was at most some seconds ago.

        Raises `BuyerNotFound`, and `Unavailable` when the user service cannot be reached.
        """

    async def get_many(self, user_ids: Sequence[str]) -> Mapping[str, Buyer]:
        """Those of the accounts that there are, by id, as they were at most some seconds ago.

        Raises `Unavailable` when the user service cannot be reached.
        """

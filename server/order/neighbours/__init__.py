"""What the order service wants of its neighbours, and how it asks them."""

from dataclasses import dataclass
from typing import Protocol

from server.kit import errors


@dataclass(frozen=True, slots=True)
class Buyer:
    """Who placed an order."""

    id: str
    email: str
    full_name: str


class BuyerNotFound(errors.NotFound):
    """The account that placed an order is gone."""

    reason = "USER_NOT_FOUND"


class Users(Protocol):
    """Who users are."""

    async def get(self, user_id: str) -> Buyer:
        """The account, as it was at most some seconds ago.

        Raises `BuyerNotFound`, and `Unavailable` when nobody can be asked.
        """

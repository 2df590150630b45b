"""What the order service wants of its neighbours, and how it asks them."""

from typing import Protocol

from server.order.rules import Buyer


class Users(Protocol):
    """Who users are."""

    async def get(self, user_id: str) -> Buyer:
        """The account, as it was at most some seconds ago.

        Raises `BuyerNotFound`, and `Unavailable` when nobody can be asked.
        """

"""The erasure of a person. Pure: time and ids are arguments."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from server.kit import errors
from server.kit.receipts import Receipt

OWN_POSTGRES = "user/postgres"
OWN_MONGODB = "user/mongodb"
STORES = (OWN_POSTGRES, OWN_MONGODB, "order/postgres", "analytics/mongodb")
"""Where people are held, in the order in which receipts are shown."""


class ErasureNotFound(errors.NotFound):
    """No account with that id was deleted."""

    reason = "ERASURE_NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Erasure:
    """A person who was erased, with a receipt of each store."""

    user_id: str
    erased_at: datetime
    receipts: Sequence[Receipt]

    @property
    def is_complete(self) -> bool:
        """Whether every store is done."""
        return all(receipt.completed_at for receipt in self.receipts)

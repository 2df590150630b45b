"""What one store has erased of a person."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Receipt:
    """What one store has erased of a person, by what it is."""

    store: str  # such as `order/postgres`
    erased: Mapping[str, int]
    completed_at: datetime | None  # None: not all of it yet

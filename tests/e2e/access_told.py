"""What a caller was told, by either door."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Told:
    """An answer: its reason, empty for a success, and all of it that may tell something."""

    outcome: str
    reason: str
    all_of_it: tuple[Any, ...]

    @property
    def is_not_found(self) -> bool:
        return self.outcome in ("grpc 5", "404")

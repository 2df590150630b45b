"""Counts the bcrypt runs that are made, and how much work they are."""

from dataclasses import dataclass
from typing import Any

import bcrypt
import pytest


@dataclass
class Bcrypt:
    """What bcrypt was given to do; `work` is in units of a run of the cost 0."""

    runs: int = 0
    work: int = 0

    @classmethod
    def counted(cls, patch: pytest.MonkeyPatch) -> "Bcrypt":
        """Counts from now on, until `patch` is undone."""
        counts = cls()
        for name in ("checkpw", "hashpw"):
            patch.setattr(bcrypt, name, counts._counting(getattr(bcrypt, name)))
        return counts

    def _counting(self, run: Any) -> Any:
        def counted(password: bytes, salted: bytes) -> Any:
            self.runs += 1
            self.work += 2 ** int(salted.split(b"$")[2])
            return run(password, salted)

        return counted

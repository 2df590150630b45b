"""How much the seeded tests try: little in every run, much in a campaign; and by which chance."""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """Of one run of the tests."""

    seed: int
    factor: float  # how many times as much as usual

    def times(self, usual: int) -> int:
        """How often to do what is usually done so often."""
        return max(1, round(usual * self.factor))

    def random(self, name: str) -> random.Random:
        """A source of chance for one test, the same for the same seed whatever else is run."""
        return random.Random(f"{self.seed} {name}")

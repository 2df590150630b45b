"""How much the seeded tests try: little in every run, much in a campaign; and by which chance."""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """Of one run of the tests."""

    seed: int
    factor: float  # how many times as much as usual
    size: float = 1.0  # how many times as many at once as usual
    first: int = 0  # the round to begin with, where there are rounds

    def times(self, usual: int) -> int:
        """How often to do what is usually done so often."""
        return max(1, round(usual * self.factor))

    def many(self, usual: int) -> int:
        """How many there are at once, of whom there are usually so many."""
        return max(1, round(usual * self.size))

    def rounds(self, usual: int) -> range:
        """The rounds to play, where there are usually so many; each has chance of its own."""
        return range(self.first, max(self.first + 1, self.times(usual)))

    def random(self, name: str) -> random.Random:
        """A source of chance for one test, the same for the same seed whatever else is run."""
        return random.Random(f"{self.seed} {name}")

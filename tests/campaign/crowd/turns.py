"""Turns that come at most so often."""


class Turns:
    """So many a second, each as long after the one before."""

    def __init__(self, a_second: float) -> None:
        self._apart = 1 / a_second
        self._next = 0.0

    def is_free(self, now: float) -> bool:
        """Whether one could be taken without waiting."""
        return now >= self._next

    def take(self, now: float) -> float:
        """Takes the next one; gives the seconds to wait for it."""
        turn = max(now, self._next)
        self._next = turn + self._apart
        return turn - now

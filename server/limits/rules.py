"""When a call is one too many: a log of the calls of the last seconds, for each client.

A client with fewer than `calls` admitted calls in the last `seconds` is admitted, one with as many
is refused; there is no moment at which a count begins anew. Refused calls are not counted.

A log is a ring of marks: the times, in ns of a clock that only goes forward, of the calls that were
admitted last. A limit of 1,000 calls or fewer has a mark for each. A wider one puts several calls
into a mark, which then counts until its last call is too old: that client is never admitted more
often than `calls`, and may be refused when one in a thousand is still to come.

A call that is asked about twice, because the first answer was lost, is counted once: it has an id.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

MARKS_MAX = 1_000
NS = 1_000_000_000


@dataclass(frozen=True)
class Limit:
    """What clients of one class may do: `calls` in any `seconds`. Both are at least 1."""

    name: str
    calls: int
    seconds: int

    @cached_property
    def calls_per_mark(self) -> int:
        """How many calls share a mark."""
        return -(-self.calls // MARKS_MAX)

    @cached_property
    def marks(self) -> int:
        """How many marks a client's ring has."""
        return self.calls // self.calls_per_mark

    @cached_property
    def keeps_ids(self) -> bool:
        """Whether a call that is asked about again is known: where it has a mark of its own."""
        return self.calls_per_mark == 1

    @cached_property
    def window_ns(self) -> int:
        """How long a call counts."""
        return self.seconds * NS


class Marks(Protocol):
    """A ring that is written to: a list, or memory."""

    def __getitem__(self, at: int, /) -> int: ...

    def __setitem__(self, at: int, stamp: int, /) -> None: ...


class Position(NamedTuple):
    """Where a ring is written: its newest mark, and how many calls this has."""

    mark: int
    filled: int


class Verdict(NamedTuple):
    """What becomes of a call, and what its client may do after it."""

    limit: Limit
    admitted: bool
    remaining: int  # calls
    reset_seconds: int  # until a counted call no longer counts, and one more may be made

    def beside(self, all_of_them: Sequence["Verdict"]) -> "Verdict":
        """The same where others decide too: a call that one of them refuses counts in none."""
        if self.admitted and not all(each.admitted for each in all_of_them):
            return self._replace(remaining=self.remaining + 1)
        return self


def judge(
    limit: Limit, ring: Sequence[int], position: Position, now: int, *, is_counted: bool = False
) -> Verdict:
    """Whether the client of `ring` may make one more call `now`; or one that `is_counted` there."""
    counted = _counted_marks(limit, ring, position, now)
    used = (counted - 1) * limit.calls_per_mark + position.filled if counted else 0
    free = limit.marks * limit.calls_per_mark - used
    oldest = ring[(position.mark + 1 - counted) % limit.marks] if counted else now
    wait = -(-(oldest + limit.window_ns - now) // NS)
    if is_counted:
        return Verdict(limit, admitted=True, remaining=free, reset_seconds=wait)
    return Verdict(limit, free > 0, max(free - 1, 0), wait)


def charge(limit: Limit, ring: Marks, position: Position, now: int) -> Position:
    """Counts a call that was admitted `now`; the position that is to be kept with the ring.

    If that is not kept any more, because the process dies, `recovered` finds it.
    """
    newest = ring[position.mark]
    later = max(now, newest + 1)
    if newest + limit.window_ns > now and 0 < position.filled < limit.calls_per_mark:
        ring[position.mark] = later
        return position._replace(filled=position.filled + 1)
    next_mark = (position.mark + 1) % limit.marks
    ring[next_mark] = later
    return Position(next_mark, 1)


def recovered(ring: Sequence[int], position: Position) -> Position:
    """`position`, or the one that a process wrote a mark for when it died.

    Marks go up, so that the one behind the newest is the oldest, unless it was just written.
    """
    next_mark = (position.mark + 1) % len(ring)
    return Position(next_mark, 1) if ring[next_mark] > ring[position.mark] else position


def is_idle(limit: Limit, newest: int, now: int) -> bool:
    """Whether nothing of a client counts any more whose newest mark that is."""
    return newest + limit.window_ns <= now


def _counted_marks(limit: Limit, ring: Sequence[int], position: Position, now: int) -> int:
    """How many marks still count: from the newest backwards, found by bisection."""
    since = now - limit.window_ns
    counted, too_many = 0, limit.marks + 1
    while counted + 1 < too_many:
        middle = (counted + too_many) // 2
        if ring[(position.mark + 1 - middle) % limit.marks] > since:
            counted = middle
        else:
            too_many = middle
    return counted

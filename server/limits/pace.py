"""How long a call waits at the edge, so that a crowd of one client's does not hold up the others.

A client may make the calls of a minute all at once. Whoever else calls in that moment waits until
they are done with: beside a hundred of mixed and heavy ones, a GetUser that takes 3.5 ms had a p99
of 175 ms (two cores, November 2026). So while others call too, a few of one client's go on at
once, and the others one by one. None is refused for that, and none waits for longer than
`WAIT_SECONDS_MAX`. A client who calls alone waits for nothing.

Each of the limiter's two processes paces the half of the calls that it is asked about. What it
knows of them is its own, and soon of no use: when it dies, a crowd goes on a little sooner.
"""

from server.limits.rules import NS, Limit

AT_ONCE = 5
CALLS_A_SECOND = 10  # then; or what the limit allows in the long run, if that is more
WAIT_SECONDS_MAX = 4.0
_TOGETHER_NS = NS  # others call too, if one of them has within so long
_KNOWN_MAX = 1_000

Client = tuple[str, str]  # the name of the limit, and who of those that it counts


class Pace:
    """When each client's next call would go on, if a crowd of theirs went on evenly."""

    def __init__(self) -> None:
        self._next_ns: dict[Client, int] = {}
        self._last: Client = ("", "")
        self._last_ns = self._other_ns = -_TOGETHER_NS

    def wait_seconds(self, limit: Limit, client: str, now: int) -> float:
        """How long a call that is admitted `now`, in ns, waits before it goes on."""
        key = limit.name, client
        if key != self._last:
            self._last, self._other_ns = key, self._last_ns
        self._last_ns = now
        interval = int(NS / max(CALLS_A_SECOND, limit.calls / limit.seconds))
        at_once, wait_max = (AT_ONCE - 1) * interval, WAIT_SECONDS_MAX * NS
        due = max(self._next_ns.get(key, 0), now)
        wait = min(max(due - now - at_once, 0), wait_max)
        if len(self._next_ns) >= _KNOWN_MAX:
            self._next_ns.clear()
        self._next_ns[key] = min(due, now + at_once + int(wait_max)) + interval
        return wait / NS if now - self._other_ns < _TOGETHER_NS else 0.0

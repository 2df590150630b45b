"""How a relay paces itself."""

from dataclasses import dataclass

from server.kit.backoff import Backoff

_BACKOFF = Backoff(first_seconds=0.1, seconds_max=5.0)


@dataclass(frozen=True, slots=True)
class Pace:
    """Counts, and times in seconds."""

    batch_max: int = 500
    bytes_max: int = 1_000_000  # of payloads in a batch, and one event more
    attempts_max: int = 20  # of an event that fails while others arrive
    # Time for more events to gather after the first: ten batches a second at most. One for each
    # order would take its time from the orders beside it.
    gather: float = 0.1
    poll: float = 1.0  # finds what nothing woke for, and a lease that has run out
    send: float = 7.0  # what takes longer has failed; less than half the lease
    lease: float = 15.0
    backoff: Backoff = _BACKOFF
    grace: float = 3.0  # for the batch under way when the process is asked to stop
    trim: float = 5.0  # between two looks for events that everybody has
    look: float = 5.0  # between two readings of the gauges

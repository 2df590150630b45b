"""Server-Sent Events as whoever reads a stream of them has them (HTML standard, 9.2.6)."""

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import NamedTuple

HEARTBEAT = "heartbeat"
OPENING = "retry: 2000"


class Event(NamedTuple):
    """One event; a comment is one whose name is `HEARTBEAT`."""

    name: str
    data: str
    id: str = ""


class Reader:
    """Reads a stream line by line."""

    def __init__(self) -> None:
        self._name, self._data, self._id = "", "", ""

    def take(self, line: str) -> Event | None:
        """The event that ends with this line."""
        key, _, value = line.partition(": ")
        if line == ":":
            return Event(HEARTBEAT, "")
        if not line and (self._data or self._name):
            event = Event(self._name or "message", self._data, self._id)
            self._name, self._data = "", ""
            return event
        if key == "data":
            self._data = value
        elif key == "event":
            self._name = value
        elif key == "id":
            self._id = value
        elif line not in ("", OPENING):
            raise AssertionError(f"unexpected: {line!r}")
        return None


def events_of(lines: Iterable[str]) -> Iterator[Event]:
    """The events of a whole stream."""
    reader = Reader()
    return (event for line in lines if (event := reader.take(line)))


async def events(lines: AsyncIterator[str]) -> AsyncIterator[Event]:
    """The events as they come."""
    reader = Reader()
    async for line in lines:
        if event := reader.take(line):
            yield event

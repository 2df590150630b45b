"""Puts an export together: a list of sources, each with its parts."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import emporium
from server.kit import errors
from server.kit.exporting import Held, no_such_page, to_part


class Source(Protocol):
    """Something that holds records of people."""

    names: Sequence[str]
    """Of the parts that it gives."""

    async def export(
        self, user_id: str, part: str, page_token: str
    ) -> Sequence[emporium.ExportedPart]:
        """All its parts, or the page of one. Raises `InvalidPageToken`, `Unavailable`."""


class Own:
    """A `Source` of one part that this service keeps, all of it on one page.

    `read` gives the rows, dataclasses or mappings, as many as there may be at most.
    """

    def __init__(self, name: str, read: Callable[[str], Awaitable[Sequence[Any]]]) -> None:
        self.names: Sequence[str] = (name,)
        self._read = read

    async def export(
        self, user_id: str, part: str, page_token: str
    ) -> Sequence[emporium.ExportedPart]:
        """See `Source`."""
        if page_token:
            raise no_such_page()
        rows = await self._read(user_id)
        return [await to_part(self.names[0], Held([("", row) for row in rows], len(rows)))]


class Paged:
    """A `Source` of one part that this service keeps, a page at a time."""

    def __init__(self, name: str, read: Callable[[str, str], Awaitable[Held]]) -> None:
        self.names: Sequence[str] = (name,)
        self._read = read

    async def export(
        self, user_id: str, part: str, page_token: str
    ) -> Sequence[emporium.ExportedPart]:
        """See `Source`."""
        return [await to_part(self.names[0], await self._read(user_id, page_token))]


@dataclass(frozen=True, slots=True)
class Export:
    """The parts that there are, and why others are not there, by their names."""

    parts: Sequence[emporium.ExportedPart]
    missing: Mapping[str, str]


async def collect(
    sources: Sequence[Source], user_id: str, part: str = "", page_token: str = ""
) -> Export:
    """What all `sources` hold of a person, or a page of one part."""
    asked = [source for source in sources if not part or part in source.names]
    found = await asyncio.gather(
        *(source.export(user_id, part, page_token) for source in asked), return_exceptions=True
    )
    parts: list[emporium.ExportedPart] = []
    missing: dict[str, str] = {}
    for source, given in zip(asked, found, strict=True):
        if isinstance(given, errors.Unavailable | errors.DeadlineExceeded):
            missing |= dict.fromkeys([part] if part else source.names, given.message)
        elif isinstance(given, BaseException):
            raise given
        else:
            parts += given
            missing |= dict.fromkeys(_left_out(source, part, given), "its service does not know it")
    return Export(parts, missing)


def _left_out(source: Source, part: str, given: Sequence[emporium.ExportedPart]) -> Iterator[str]:
    """What an older version of a service does not give yet."""
    there = {each.name for each in given}
    wanted = [part] if part else source.names
    return (name for name in wanted if name not in there)

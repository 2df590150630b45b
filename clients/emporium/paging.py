"""Lists that are fetched page by page."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypedDict, TypeVar

from emporium.type.v1.page_pb2 import PageMeta

Item = TypeVar("Item")


class PageOptions(TypedDict, total=False):
    """The arguments that every list takes."""

    sort: str
    """`field:asc` or `field:desc`; each list has its own fields, and its own default."""
    page: int
    """The page to begin with, from 1. High numbers are slow, and refused when they skip more than
    100,000 items; `page_token` is neither."""
    per_page: int
    """How many to fetch at a time, 1 to 100; 20 unless given."""
    page_token: str
    """Where to continue: `meta.next_page_token` of a page with the same filters and sort."""
    timeout_seconds: float
    """The timeout of each page's call."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list: its items in order, and its place in the list."""

    items: Sequence[Item]
    meta: PageMeta

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


class PageRequest(Protocol):
    """The fields that the request of every list has."""

    page_token: str

    def ClearField(self, field_name: Any) -> None:  # noqa: N802 - protobuf's name
        """Leaves a field out again."""


ListRequest = TypeVar("ListRequest", bound=PageRequest)


class Listing(Generic[Item]):
    """A list that is fetched as it is read.

    `async for item in listing` yields every item, fetching a page when the one before is used up;
    to stop early fetches no more. `pages()` yields whole pages, and `await first_page()` is one
    call. Reading it again fetches it again. Each raises what the list's rpc may raise.
    """

    def __init__(
        self, request: ListRequest, fetch: Callable[[ListRequest], Awaitable[Page[Item]]]
    ) -> None:
        def fetch_at(page_token: str | None) -> Awaitable[Page[Item]]:
            if page_token is None:
                return fetch(request)
            following = deepcopy(request)
            following.ClearField("page")  # The token replaces it; the two exclude each other.
            following.page_token = page_token
            return fetch(following)

        self._fetch_at = fetch_at

    async def __aiter__(self) -> AsyncIterator[Item]:
        async for page in self.pages():
            for item in page:
                yield item

    async def pages(self) -> AsyncIterator[Page[Item]]:
        """Yields each page in turn; at least one, which may be empty."""
        page = await self.first_page()
        yield page
        while page_token := page.meta.next_page_token:
            page = await self._fetch_at(page_token)
            yield page

    async def first_page(self) -> Page[Item]:
        """The first page, or the one asked for with `page` or `page_token`."""
        return await self._fetch_at(None)

"""How long events wait in the outbox, as the order service's own metrics tell it."""

import asyncio
import re
import urllib.request
from dataclasses import dataclass

import asyncpg

# Whatever the metric is called in full, and whatever its other labels are: all of them together.
_BUCKET = re.compile(
    r'^\w*outbox\w*lag_seconds_bucket\{(?:.*,)?le="([^"]+)".*\} (\S+)$', re.MULTILINE
)
_POLL_SECONDS = 0.05
_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Histogram:
    """How many events waited at most so many seconds, by bound."""

    at_most: dict[float, float]

    @property
    def count(self) -> int:
        """How many events there were."""
        return int(self.at_most[float("inf")])

    def since(self, before: "Histogram") -> "Histogram":
        """What has come to it since then."""
        return Histogram(
            {bound: n - before.at_most.get(bound, 0) for bound, n in self.at_most.items()}
        )

    def quantile_bound(self, share: float) -> float:
        """The lowest bound that at least this share of events kept, in seconds."""
        return min(bound for bound, n in self.at_most.items() if n >= share * self.count)


class NoHistogram(Exception):
    """The metrics do not tell how long events wait."""


async def histogram(metrics_url: str) -> Histogram:
    """The histogram as it is now. Raises `NoHistogram`."""
    return parsed(await asyncio.to_thread(_read, metrics_url))


def parsed(page: str) -> Histogram:
    """The histogram on a page of metrics. Raises `NoHistogram`."""
    at_most: dict[float, float] = {}
    for bound, events in _BUCKET.findall(page):
        at_most[float(bound)] = at_most.get(float(bound), 0) + float(events)
    if not at_most:
        raise NoHistogram("the metrics do not tell how long events wait")
    return Histogram(at_most)


async def until_drained(database: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Returns when the outbox is empty, which nobody announces; hence the polling (ASYNC110)."""
    async with asyncio.timeout(_TIMEOUT_SECONDS):
        while await database.fetchval("SELECT EXISTS (SELECT 1 FROM outbox)"):  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)


def _read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        text: bytes = response.read()
        return text.decode()

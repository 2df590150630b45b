"""How long events wait in the outbox, as the order service's own metrics tell it."""

import asyncio
import re
import urllib.request
from dataclasses import dataclass

import asyncpg

_BUCKET = re.compile(r'outbox_lag_seconds_bucket\{destination="analytics",le="([^"]+)"\} (\S+)')
_POLL_SECONDS = 0.05
_PATIENCE_SECONDS = 60.0


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
        return Histogram({bound: n - before.at_most[bound] for bound, n in self.at_most.items()})

    def quantile_bound(self, share: float) -> float:
        """The lowest bound that at least this share of events kept, in seconds."""
        return min(bound for bound, n in self.at_most.items() if n >= share * self.count)


async def histogram(metrics_port: int) -> Histogram:
    """The histogram as it is now."""
    text = await asyncio.to_thread(_read, f"http://127.0.0.1:{metrics_port}/metrics")
    found = Histogram({float(bound): float(n) for bound, n in _BUCKET.findall(text)})
    assert found.at_most, "the order service shows no outbox_lag_seconds"
    return found


async def until_drained(database: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Returns when the outbox is empty, which nobody announces; hence the polling (ASYNC110)."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while await database.fetchval("SELECT EXISTS (SELECT 1 FROM outbox)"):  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)


def _read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as response:
        text: bytes = response.read()
        return text.decode()

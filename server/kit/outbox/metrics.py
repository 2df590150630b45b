"""What operators see of an outbox."""

from collections.abc import Iterable

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from server.kit.outbox.table import Backlog

_LAG_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600)  # seconds


class OutboxMetrics:
    """Counters of what this process did, and gauges of what the table holds."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._delivered = Counter(
            "outbox_delivered_total", "Events that have arrived.", registry=registry
        )
        self._failed = Counter(
            "outbox_failed_sends_total", "Batches that did not arrive.", registry=registry
        )
        self._buried = Counter(
            "outbox_buried_total", "Events that became dead letters.", registry=registry
        )
        self._lag = Histogram(
            "outbox_lag_seconds",
            "From an event's commit to its arrival.",
            buckets=_LAG_BUCKETS,
            registry=registry,
        )
        self._pending = Gauge("outbox_pending", "Events that wait.", registry=registry)
        self._oldest = Gauge(
            "outbox_oldest_age_seconds", "How long the oldest waits.", registry=registry
        )
        self._dead = Gauge("outbox_dead_letters", "Dead letters to look at.", registry=registry)

    def delivered(self, ages_seconds: Iterable[float]) -> None:
        """Counts events that have arrived at these ages."""
        for age_seconds in ages_seconds:
            self._delivered.inc()
            self._lag.observe(age_seconds)

    def failed(self) -> None:
        """Counts a batch that did not arrive."""
        self._failed.inc()

    def buried(self) -> None:
        """Counts a new dead letter."""
        self._buried.inc()

    def show(self, backlog: Backlog) -> None:
        """Publishes what the table holds."""
        self._pending.set(backlog.pending)
        self._oldest.set(backlog.oldest_age_seconds)
        self._dead.set(backlog.dead_letters)

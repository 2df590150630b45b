"""What operators see of an outbox."""

from collections.abc import Iterable

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from server.kit.outbox.backlog import Backlog

_LAG_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600)  # seconds
_LABELS = ("destination",)


class OutboxMetrics:
    """Counters of what this process did, and gauges of what the tables hold, by destination."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._delivered = Counter(
            "outbox_delivered_total", "Events that have arrived.", _LABELS, registry=registry
        )
        self._failed = Counter(
            "outbox_failed_sends_total", "Batches that did not arrive.", _LABELS, registry=registry
        )
        self._lag = Histogram(
            "outbox_lag_seconds",
            "From an event's commit to its arrival.",
            _LABELS,
            buckets=_LAG_BUCKETS,
            registry=registry,
        )
        self._pending = Gauge(
            "outbox_pending", "Events that wait, held ones aside.", _LABELS, registry=registry
        )
        self._oldest = Gauge(
            "outbox_oldest_age_seconds",
            "How long the oldest of them waits.",
            _LABELS,
            registry=registry,
        )
        self._dead = Gauge(
            "outbox_dead_letters", "Dead letters to look at.", _LABELS, registry=registry
        )
        self._held = Gauge(
            "outbox_held", "Events held behind dead letters.", _LABELS, registry=registry
        )

    def delivered(self, destination: str, ages_seconds: Iterable[float]) -> None:
        """Counts events that have arrived at these ages."""
        delivered, lag = self._delivered.labels(destination), self._lag.labels(destination)
        for age_seconds in ages_seconds:
            delivered.inc()
            lag.observe(age_seconds)

    def failed(self, destination: str) -> None:
        """Counts a batch that did not arrive."""
        self._failed.labels(destination).inc()

    def show(self, backlogs: Iterable[Backlog]) -> None:
        """Publishes what the tables hold."""
        for backlog in backlogs:
            self._pending.labels(backlog.destination).set(backlog.pending)
            self._oldest.labels(backlog.destination).set(backlog.oldest_age_seconds)
            self._dead.labels(backlog.destination).set(backlog.dead_letters)
            self._held.labels(backlog.destination).set(backlog.held)

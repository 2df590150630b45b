"""Counts calls and their durations, under the names that gRPC dashboards expect."""

import time

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram

from server.kit.context import Context
from server.kit.interceptors.layers import Watch
from server.kit.interceptors.status import Refusal
from server.kit.method import Method

_LABELS = ("grpc_type", "grpc_service", "grpc_method")
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)  # seconds


class CallMetrics:
    """`grpc_server_started_total`, `grpc_server_handled_total`, `grpc_server_handling_seconds`."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._started = Counter(
            "grpc_server_started_total", "Calls begun.", _LABELS, registry=registry
        )
        self._handled = Counter(
            "grpc_server_handled_total",
            "Calls ended, by status.",
            (*_LABELS, "grpc_code"),
            registry=registry,
        )
        self._seconds = Histogram(
            "grpc_server_handling_seconds",
            "How long calls took.",
            _LABELS,
            buckets=_BUCKETS,
            registry=registry,
        )

    def watch(self, method: Method) -> Watch:
        """Keeps the method's own children, because looking one up costs more than counting."""
        labels = (_type_of(method), method.service, method.name)
        started = self._started.labels(*labels)
        succeeded = self._handled.labels(*labels, "OK")
        seconds = self._seconds.labels(*labels)

        def on_start(context: Context) -> None:
            started.inc()

        def on_end(context: Context, outcome: Refusal | None) -> None:
            seconds.observe(time.perf_counter() - context.started_at)
            if outcome is None:
                succeeded.inc()
            else:
                self._handled.labels(*labels, outcome.code.name).inc()

        return Watch(on_start, on_end)


def _type_of(method: Method) -> str:
    return {
        (False, False): "unary",
        (False, True): "server_stream",
        (True, False): "client_stream",
        (True, True): "bidi_stream",
    }[method.client_streaming, method.server_streaming]

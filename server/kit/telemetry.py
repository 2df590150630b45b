"""Structured logs to standard output, and metrics for Prometheus on loopback."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import prometheus_client
import structlog

from server.settings import Server


@contextmanager
def telemetry(settings: Server, service: str) -> Iterator[None]:
    """Configures this process's logs, and serves `/metrics` while the block runs."""
    configure_logs(settings.log_level, service)
    if not settings.metrics_port:
        yield
        return
    server, thread = prometheus_client.start_http_server(settings.metrics_port, "127.0.0.1")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def configure_logs(level: str, service: str) -> None:
    """One JSON object a line, also for what libraries say through `logging`."""
    encode = msgspec.json.Encoder(enc_hook=str).encode
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper("iso", utc=True, key="at"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=lambda line, **_: encode(line)),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    logging.basicConfig(level=logging.WARNING, handlers=[_ToStructlog()], force=True)


class _ToStructlog(logging.Handler):
    """Hands on what libraries log."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger(record.name).log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info
        )

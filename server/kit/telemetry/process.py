"""Logs and metrics of a running process."""

from collections.abc import Iterator
from contextlib import contextmanager

import prometheus_client

from server.kit.telemetry.exceptions import brief
from server.kit.telemetry.logs import configure_logs
from server.settings import Server, SettingsError


@contextmanager
def telemetry(settings: Server, service: str) -> Iterator[None]:
    """Configures this process's logs, and serves `/metrics` while the block runs.

    Raises `SettingsError` when the port is taken.
    """
    configure_logs(settings.log_level, service)
    if not settings.metrics_port:
        yield
        return
    try:
        server, thread = prometheus_client.start_http_server(settings.metrics_port, "127.0.0.1")
    except OSError as error:
        raise SettingsError(f"METRICS_PORT: {brief(error)}") from error
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

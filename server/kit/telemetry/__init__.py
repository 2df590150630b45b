"""Structured logs to standard output, and metrics for Prometheus on loopback."""

from server.kit.telemetry.exceptions import brief
from server.kit.telemetry.logs import configure_logs, for_a_person
from server.kit.telemetry.process import telemetry

__all__ = ["brief", "configure_logs", "for_a_person", "telemetry"]

"""Follows the files of TLS that a MongoDB URI names: the drivers read them once, at their start."""

import ssl
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pymongo
import structlog
from pymongo.monitoring import (
    ServerHeartbeatFailedEvent,
    ServerHeartbeatListener,
    ServerHeartbeatStartedEvent,
    ServerHeartbeatSucceededEvent,
)

from emporium.tls import state_of
from server.kit.telemetry import brief

_log = structlog.get_logger()


class TlsFiles(ServerHeartbeatListener):
    """Reads the files again when they have changed, before the driver looks after its servers.

    It does so every ten seconds, and twice a second while a server is away, so that what connects
    next has the new files. An authority that is in them no more is believed until the process ends.
    """

    def __init__(self, uri: str) -> None:
        options = {name.lower(): value for name, value in parse_qsl(urlsplit(uri).query)}
        self._authorities = options.get("tlscafile", "")
        self._certificate = options.get("tlscertificatekeyfile", "")
        self._password = options.get("tlscertificatekeyfilepassword")
        self._state = self._state_now()
        self._context: ssl.SSLContext | None = None

    def follow_for(self, client: Any) -> None:
        """Changes what `client`, of either driver, connects with."""
        own: Any = client if isinstance(client, pymongo.AsyncMongoClient) else client.delegate
        self._context = own.options.pool_options._ssl_context  # noqa: SLF001 -- it has no public name

    def started(self, event: ServerHeartbeatStartedEvent) -> None:
        """Before each look at a server."""
        state = self._state_now()
        if self._context is None or state == self._state:
            return
        try:
            if self._authorities:
                self._context.load_verify_locations(self._authorities)
            if self._certificate:
                self._context.load_cert_chain(self._certificate, password=self._password)
        except OSError as error:  # half of it is not there yet, or is no PEM
            _log.warning("mongo.tls_not_reloaded", error=brief(error))
            return
        self._state = state
        _log.info("mongo.tls_reloaded")

    def succeeded(self, event: ServerHeartbeatSucceededEvent) -> None:
        """Nothing to do."""

    def failed(self, event: ServerHeartbeatFailedEvent) -> None:
        """Nothing to do."""

    def _state_now(self) -> list[tuple[int, ...]]:
        return state_of(self._authorities, self._certificate)

"""TLS of the gRPC listener and to neighbours, from files that may be replaced meanwhile.

Each handshake looks at the listener's files, so a new certificate counts from the next connection
on, and connections live for five minutes (`lifecycle.py`). Files that cannot be used, as when one
of a pair has not been replaced yet, leave what was there before.
"""

import ssl
from pathlib import Path
from typing import Any

import grpc
import structlog

from emporium.tls import Credentials, Tls, state_of
from server.kit.telemetry import brief
from server.settings import Server, SettingsError

_log = structlog.get_logger()


def server_credentials(server: Server) -> grpc.ServerCredentials | None:
    """What the listener shows and asks for; None where `server` names no certificate.

    Raises `SettingsError` for files that cannot be used.
    """
    _require_whole(server)
    if not server.tls_certificate_file:
        return None
    files = _Files(server)
    changed: Any = files.changed  # the stubs do not know that None means no change
    return grpc.dynamic_ssl_server_credentials(
        files.first, changed, require_client_authentication=bool(server.tls_client_ca_file)
    )


def to_neighbours(server: Server) -> Tls | None:
    """How neighbours are called: over TLS where `server` says whose certificates they must have.

    They are known by their names and not by their addresses, and shown this service's certificate,
    if it has one. Raises `SettingsError` for files that cannot be used.
    """
    _require_whole(server)
    if not server.tls_ca_file:
        return None
    files = Tls(
        ca_file=server.tls_ca_file,
        certificate_file=server.tls_certificate_file,
        key_file=server.tls_key_file,
        by_service=True,
    )
    try:
        Credentials(files)
    except ValueError:
        names = "TLS_CA_FILE, TLS_CERTIFICATE_FILE or TLS_KEY_FILE"
        raise SettingsError(f"{names} cannot be used: is each there, and PEM?") from None
    return files


def peers_of(server: Server) -> frozenset[str] | None:
    """The names of which a caller's certificate must have one; None where none is asked for."""
    return frozenset(server.tls_client_names.split()) if server.tls_client_ca_file else None


def _require_whole(server: Server) -> None:
    if bool(server.tls_certificate_file) != bool(server.tls_key_file):
        raise SettingsError("TLS_CERTIFICATE_FILE and TLS_KEY_FILE belong together: set both")
    if server.tls_client_ca_file and not server.tls_certificate_file:
        raise SettingsError("TLS_CLIENT_CA_FILE needs TLS_CERTIFICATE_FILE and TLS_KEY_FILE")
    if server.tls_client_ca_file and not server.tls_client_names.split():
        raise SettingsError("TLS_CLIENT_NAMES must name those who may call, with spaces between")


class _Files:
    """The files of a listener, and what they were when they were used last."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._state = self._state_now()
        try:
            self.first = _configuration(server)
        except OSError as error:
            names = "TLS_CERTIFICATE_FILE, TLS_KEY_FILE or TLS_CLIENT_CA_FILE"
            raise SettingsError(f"{names} cannot be used: {_why(error)}") from None

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """What the files hold, if it is new; gRPC asks at each handshake, in its own thread."""
        state = self._state_now()
        if state == self._state:
            return None
        try:
            configuration = _configuration(self._server)
        except OSError as error:
            _log.warning("tls.not_reloaded", error=_why(error))
            return None
        if self._state_now() != state:
            return None  # replaced while they were read; the next handshake looks again
        self._state = state
        _log.info("tls.reloaded")
        return configuration

    def _state_now(self) -> list[tuple[int, ...]]:
        server = self._server
        return state_of(server.tls_certificate_file, server.tls_key_file, server.tls_client_ca_file)


def _configuration(server: Server) -> grpc.ServerCertificateConfiguration:
    """Raises `OSError` for files that are missing, are no PEM, or do not belong together."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(
        server.tls_certificate_file,
        server.tls_key_file,
        password="",  # nobody is there to be asked
    )
    authorities = None
    if server.tls_client_ca_file:
        context.load_verify_locations(server.tls_client_ca_file)
        authorities = Path(server.tls_client_ca_file).read_bytes()
    pair = (Path(server.tls_key_file).read_bytes(), Path(server.tls_certificate_file).read_bytes())
    return grpc.ssl_server_certificate_configuration([pair], authorities)


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return "not PEM, or a key of another certificate"
    return error.strerror or brief(error)

"""TLS by files, which may be replaced while the client runs."""

import ssl
import time
from dataclasses import dataclass
from pathlib import Path

import grpc

_LOOK_AGAIN_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class Tls:
    """Files in PEM for calls over TLS. When they are replaced, the client connects anew by itself.

    `ca_file` has the authorities that servers' certificates must be of; without it they are the
    system's. `certificate_file` and `key_file` are what the client itself shows, both or none.
    With `by_service` a server's certificate must name its service, as `user`, instead of its host:
    so it is between the services themselves, whose addresses change.
    """

    ca_file: str | Path = ""
    certificate_file: str | Path = ""
    key_file: str | Path = ""
    by_service: bool = False

    def __post_init__(self) -> None:
        """Refuses half of a pair with `ValueError`."""
        if bool(self.certificate_file) != bool(self.key_file):
            raise ValueError("certificate_file and key_file belong together: give both, or none")


class Credentials:
    """The credentials that the files of a `Tls` hold now."""

    def __init__(self, tls: Tls) -> None:
        """Raises `ValueError` for files that cannot be used."""
        self._tls = tls
        self._looked_at = time.monotonic()
        self._state = self._files_state()
        try:
            self.current = _load(tls)
        except OSError as error:  # `ssl.SSLError` is one
            reason = error.strerror or "not a certificate and its key in PEM"
            raise ValueError(f"TLS: a file cannot be used: {reason}") from error

    def have_changed(self) -> bool:
        """Whether `current` is another than before. Looks at the files once a second at most.

        Files that cannot be used, as when one of a pair has not been replaced yet, change nothing.
        """
        now = time.monotonic()
        if now - self._looked_at < _LOOK_AGAIN_SECONDS:
            return False
        self._looked_at = now
        state = self._files_state()
        if state == self._state:
            return False
        try:
            loaded = _load(self._tls)
        except OSError:
            return False  # looked at again in a second: the state that was used stays noted
        if self._files_state() != state:
            return False  # so are files that were replaced while they were read
        self.current, self._state = loaded, state
        return True

    def _files_state(self) -> list[tuple[int, ...]]:
        return state_of(self._tls.ca_file, self._tls.certificate_file, self._tls.key_file)


def state_of(*files: str | Path) -> list[tuple[int, ...]]:
    """What changes when one of the files is replaced; an empty name is no file."""
    return [_state(Path(file)) for file in files if file]


def _state(file: Path) -> tuple[int, ...]:
    try:
        found = file.stat()  # of what a link leads to: orchestrators replace links
    except OSError:
        return ()
    return found.st_ino, found.st_mtime_ns, found.st_size


def _load(tls: Tls) -> grpc.ChannelCredentials:
    """Raises `OSError` for files that are missing, are no PEM, or do not belong together."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if tls.ca_file:
        context.load_verify_locations(tls.ca_file)
    if tls.certificate_file:
        context.load_cert_chain(tls.certificate_file, tls.key_file, password="")  # asks nobody
    authorities, key, certificate = (
        Path(file).read_bytes() if file else None
        for file in (tls.ca_file, tls.key_file, tls.certificate_file)
    )
    return grpc.ssl_channel_credentials(authorities, key, certificate)

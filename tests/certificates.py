"""Certificates that tests make for themselves, as files that are replaced like an operator's."""

from dataclasses import dataclass
from pathlib import Path

import grpc
import trustme


@dataclass(frozen=True)
class Pem:
    """A certificate with its chain, and its key."""

    certificate: Path
    key: Path

    @property
    def pair(self) -> tuple[bytes, bytes]:
        """Key and certificate, as gRPC takes them."""
        return self.key.read_bytes(), self.certificate.read_bytes()


class Authority:
    """An authority of the test's own, whose certificate is the file `file`."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._authority = trustme.CA()
        self.pem = self._authority.cert_pem.bytes()
        self.file = folder / f"{name}.pem"
        replace(self.file, self.pem)

    def issue(self, *names: str, file: str = "") -> Pem:
        """A certificate of these names; written over an older one, by rename."""
        made = self._authority.issue_cert(*names)
        folder, stem = self._folder, file or names[0]
        chain = b"".join(part.bytes() for part in made.cert_chain_pems)
        replace(folder / f"{stem}.key", made.private_key_pem.bytes())
        replace(folder / f"{stem}.crt", chain)
        return Pem(folder / f"{stem}.crt", folder / f"{stem}.key")


def replace(file: Path, content: bytes) -> None:
    """Replaces a file in one step, for its owner alone."""
    fresh = file.with_name(f"{file.name}.new")
    fresh.touch(0o600)
    fresh.write_bytes(content)
    fresh.rename(file)


def server_credentials(shown: Pem, client_ca: Path | None = None) -> grpc.ServerCredentials:
    """Of a server that shows `shown`, and asks for certificates of `client_ca` if there is one."""
    authorities = client_ca.read_bytes() if client_ca else None
    return grpc.ssl_server_credentials(
        [shown.pair], authorities, require_client_auth=client_ca is not None
    )

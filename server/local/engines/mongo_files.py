"""What lies in the folder of an embedded mongod, and the names in it."""

import secrets
from dataclasses import dataclass
from pathlib import Path

REPLICA_SET = "rs0"
ADMIN = "admin"


@dataclass(frozen=True)
class MongoFiles:
    """The files of an embedded mongod in `directory`."""

    directory: Path

    @property
    def data(self) -> Path:
        """Mongod's own files."""
        return self.directory / "data"

    @property
    def initialised(self) -> Path:
        """An empty file that says that the replica set and its admin have been made."""
        return self.directory / "founded"

    @property
    def key(self) -> Path:
        """The file of the secret that members share."""
        return self.directory / "key"

    def password(self) -> str:
        """The admin's password."""
        return (self.directory / "password").read_text(encoding="ascii")

    def make_secrets(self) -> None:
        """Makes the password and the key, where they are missing."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for file in (self.key, self.directory / "password"):
            if not file.exists():
                file.touch(mode=0o600)
                file.write_text(secrets.token_hex(24), encoding="ascii")

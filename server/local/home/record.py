"""`cluster.json`: what runs in a home, written by the supervisor and read by everybody else."""

import dataclasses
import json
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from server.local.errors import LocalError
from server.local.home.folder import Home, write_private
from server.local.process.identity import ProcessRecord


@dataclass(frozen=True)
class Login:
    """A demo account."""

    role: str  # `admin`, `staff` or `customer`
    email: str
    password: str
    user_id: str = ""


@dataclass(kw_only=True)
class ClusterRecord:
    """A running cluster's addresses, processes and demo logins."""

    home: str
    started_at: str  # RFC 3339
    state: Literal["starting", "ready", "stopping"]
    supervisor: ProcessRecord
    edge_url: str = ""
    admin_socket: str = ""  # Envoy's admin page; empty where the home's path is too long for one
    grpc: dict[str, str] = field(default_factory=dict)  # service to host:port
    metrics: dict[str, str] = field(default_factory=dict)  # process name to URL
    postgres: dict[str, str] = field(default_factory=dict)  # admin_dsn, and a DSN for each service
    mongodb_uri: str = ""
    sandbox_url: str = ""  # of the payment provider
    processes: list[ProcessRecord] = field(default_factory=list)
    logins: list[Login] = field(default_factory=list)  # that could be used when it started
    data: str = ""  # where the data lie: the home, or a folder on the RAM disk

    def write(self, home: Home) -> None:
        """Replaces the home's record, private to its owner."""
        write_private(home.record_file, dataclasses.asdict(self))

    @property
    def is_alive(self) -> bool:
        """Whether the supervisor that wrote this still runs."""
        return self.supervisor.is_alive


def parse(content: dict[str, Any]) -> ClusterRecord:
    """The record that `dataclasses.asdict` made `content` of."""
    return ClusterRecord(
        **{
            **content,
            "supervisor": ProcessRecord(**content["supervisor"]),
            "processes": [ProcessRecord(**each) for each in content["processes"]],
            "logins": [Login(**each) for each in content["logins"]],
        }
    )


def read(home: Home) -> ClusterRecord | None:
    """The record in `home`; None when there is none."""
    try:
        return parse(json.loads(home.record_file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise LocalError(
            f"{home.record_file} cannot be read: {error}",
            "Make sure that nothing runs there, and remove the file.",
        ) from error


def require_running(directory: Path) -> ClusterRecord:
    """The record of the cluster that runs in `directory`. Raises `LocalError` when none does."""
    record = read(Home.existing(directory))
    if record is None or not record.is_alive:
        raise LocalError(
            f"no cluster runs in {directory}",
            f"Start one: emporium up --home {shlex.quote(str(directory))}",
        )
    return record

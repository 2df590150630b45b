"""A tree's whole cluster, started by its own command and known by its `cluster.json`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.bench.tree import Tree

_REFUSALS_SHOWN = 3
_NO_LIMIT = str(10**9)  # calls a minute at the edge
UNLIMITED = ("--rate-limit", _NO_LIMIT, "--login-limit", _NO_LIMIT)
_WITHOUT_LIMITS = {
    "LOGIN_FAILURES_MAX": "1000000",
    "ADDRESS_FAILURES_MAX": "1000000",
    "ORDER_MAILS": "false",  # thousands a second, which nobody reads
}


@dataclass(frozen=True)
class Cluster:
    """A running cluster. `record` is its `cluster.json`."""

    tree: Tree
    record: Mapping[str, Any]

    @property
    def edge_port(self) -> int:
        """Where REST is answered, on 127.0.0.1."""
        return urlsplit(self.record["edge_url"]).port or 80

    def grpc_port(self, service: str) -> int:
        """Where `service` is, on 127.0.0.1."""
        return int(self.record["grpc"][service].rpartition(":")[2])

    def metrics_url(self, process: str) -> str:
        """The page of Prometheus metrics of a process."""
        return str(self.record["metrics"][process])

    def login(self, role: str) -> tuple[str, str]:
        """E-mail and password of the demo account with this role."""
        found = next(each for each in self.record["logins"] if each["role"] == role)
        return found["email"], found["password"]

    def pid(self, name: str) -> int:
        """The process called `name`; the supervisor has a place of its own in the record."""
        return self.pids[name]

    def refusals(self) -> str:
        """The last calls that its services have not answered well, as their logs tell."""
        logs = [Path(self.record["home"], "logs", f"{name}.log") for name in self.record["grpc"]]
        lines = [line for log in logs for line in log.read_text("utf-8").splitlines()]
        refused = [line for line in lines if '"code":' in line and '"code":"OK"' not in line]
        return "\n".join(refused[-_REFUSALS_SHOWN:])

    @property
    def pids(self) -> dict[str, int]:
        """Every process of the cluster, by name."""
        processes = (self.record["supervisor"], *self.record["processes"])
        return {each["name"]: each["pid"] for each in processes}


@contextmanager
def running(tree: Tree, home: Path, limits: Sequence[str] = UNLIMITED) -> Iterator[Cluster]:
    """The tree's cluster in `home`, on ports and databases of its own.

    Without `limits` it has those of every cluster.
    """
    options = ("--home", str(home), "--edge-port", "0")
    try:
        settings = _WITHOUT_LIMITS if limits else {}
        tree.emporium("up", "--detach", *options, *limits, settings=settings)
        record = json.loads((home / "cluster.json").read_text(encoding="utf-8"))
        yield Cluster(tree, record)
    finally:
        tree.emporium("down", "--home", str(home))

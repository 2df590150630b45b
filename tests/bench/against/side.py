"""One side of the comparison: a cluster, signed-in callers, and what is in its databases."""

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.bench.against.contract import Contract, NotInContract
from tests.bench.cluster import Cluster
from tests.bench.compare import Run
from tests.bench.http2 import Target
from tests.bench.machine import (
    LOAD_CORE,
    SERVER_CORE,
    clients_cpu_seconds,
    cpu_seconds,
    pin_family,
)

LOGIN = "emporium.user.v1.AuthService/Login"
_TOKEN_SECONDS = 240.0  # less than half of what a token is good for


@dataclass(frozen=True)
class Meter:
    """CPU seconds so far: of processes by name, and of what works for us in a database, by pid."""

    processes: Mapping[str, float]
    database_name: str
    database: Mapping[int, float]


@dataclass
class Side:
    """A cluster that is called as its admin. The ids are those of what it has been filled with."""

    cluster: Cluster
    user_ids: Sequence[str] = ()
    order_ids: Sequence[str] = ()
    product_ids: Sequence[str] = ()
    orders_placed: int = 0  # as far as the sales report is to know of them
    _contracts: dict[str, Contract] = field(default_factory=dict)
    _token: str = ""
    _token_good_until: float = 0.0  # by the monotonic clock

    @property
    def name(self) -> str:
        """The tree's."""
        return self.cluster.tree.name

    def bearer(self) -> tuple[str, str]:
        """The header of a caller who is signed in."""
        if time.monotonic() > self._token_good_until:
            email, password = self.cluster.login("admin")
            answer = self._contract(LOGIN).ask(LOGIN, {"email": email, "password": password})
            self._token = answer["access_token"]
            self._token_good_until = time.monotonic() + _TOKEN_SECONDS
        return "authorization", f"Bearer {self._token}"

    def ask(self, rpc: str, **fields: Any) -> Any:
        """One call's answer, as a dictionary."""
        return self._contract(rpc).ask(rpc, fields, self.bearer())

    def encoded(self, rpc: str, requests: Iterable[Mapping[str, Any]]) -> list[bytes]:
        """Requests in the words of this side's contract. Raises `NotInContract`."""
        contract = self._contract(rpc)
        try:
            return [contract.encoded(rpc, request) for request in requests]
        except NotInContract as error:
            raise NotInContract(f"{self.name}: {error}") from error

    def target(self, rpc: str) -> Target:
        """Where to call `rpc` many times."""
        return Target(self.cluster.grpc_port(service_of(rpc)), f"/{rpc}", [self.bearer()])

    def pin(self, measured: str) -> None:
        """Gives the process `measured` a core without load and databases."""
        for name, pid in self.cluster.pids.items():
            pin_family(pid, SERVER_CORE if name == measured else LOAD_CORE)

    def meter(self, processes: Sequence[str], database: str = "postgres") -> Meter:
        """What the processes and the database (`postgres` or `mongod`) have used so far."""
        pid = self.cluster.pid(database)
        return Meter(
            {name: cpu_seconds(self.cluster.pid(name)) for name in processes},
            database,
            clients_cpu_seconds(pid) if database == "postgres" else {pid: cpu_seconds(pid)},
        )

    def used(self, before: Meter, calls: int, seconds: float) -> Run:
        """What has been used since `before`, a call."""
        after = self.meter(list(before.processes), before.database_name)
        parts = {
            name: (cpu - before.processes[name]) / calls * 1e6
            for name, cpu in after.processes.items()
        }
        # A connection that was opened in between began at nothing.
        database = sum(cpu - before.database.get(pid, 0.0) for pid, cpu in after.database.items())
        return Run(calls / seconds, sum(parts.values()), parts, database / calls * 1e6)

    def _contract(self, rpc: str) -> Contract:
        service = service_of(rpc)
        if service not in self._contracts:
            self._contracts[service] = Contract(self.cluster.grpc_port(service))
        return self._contracts[service]


def service_of(rpc: str) -> str:
    """The process that answers `rpc`: `user` for `emporium.user.v1.UserService/GetUser`."""
    return rpc.split(".")[1]


def picked(ids: Sequence[str], count: int, seed: int = 1) -> list[str]:
    """`count` of `ids`, at random, and the same ones each time."""
    return random.Random(seed).choices(ids, k=count)

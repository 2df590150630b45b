"""Chooses the port of each part of a cluster, once for each home."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from server.local.errors import LocalError
from server.local.home.folder import Home, read_private, write_private
from server.local.home.ports import HeldByConnection, free_ports, is_free, require_free
from server.services import SERVICES

DEFAULT_EDGE_PORT = 8080
# So that calls are answered while one of them is restarted.
LIMITERS_MIN = 2
WELL_KNOWN_METRICS = 9464
PORT_MAX = 65_535
_SANDBOX = "the sandbox"
PORT_REMEDY = (
    "Stop its holder, or choose another --edge-port, or for all parts a --port-base, or any free "
    "ports with --edge-port 0."
)

# A connection that has ended keeps its port for a minute. That it lets go, the kernel tells nobody.
WAIT_SECONDS_MAX = 61.0
LOOK_SECONDS = 0.5

Ports = Mapping[str, int]  # by purpose, as `purposes` names them; 0: any free one


@dataclass(frozen=True, kw_only=True)
class PortPlan:
    """Ports on 127.0.0.1.

    Callers use one port for each service, and the kernel spreads their connections over its
    workers. The edge keeps few connections for long, so it would reach one worker only; for it each
    worker has a port of its own.
    """

    edge: int
    grpc: dict[str, int]  # by service; its workers share it
    own: dict[str, int]  # by process, where a service has several
    metrics: dict[str, int]  # by process
    postgres: int
    mongod: int
    limiters: dict[str, int]  # by process
    sandbox: int

    @property
    def all(self) -> list[int]:
        """Every one of them."""
        return [*_flat(self).values()]

    def behind_edge(self, service: str) -> list[int]:
        """The ports on which the edge reaches the service."""
        own = [port for name, port in self.own.items() if name.rpartition("-")[0] == service]
        return own or [self.grpc[service]]


def process_names(service: str, workers: int) -> list[str]:
    """The names of a service's processes."""
    return [service] if workers == 1 else [f"{service}-{n}" for n in range(1, workers + 1)]


def limiter_names(workers: int) -> list[str]:
    """The names of the limiter's processes."""
    return process_names("limits", max(LIMITERS_MIN, workers))


async def awaited(choose: Callable[[], PortPlan], say: Callable[[str], None]) -> PortPlan:
    """What `choose` gives, once no connection of somebody else's is in its way.

    Raises its `LocalError` at once where a server is, and after a minute where the same connection
    still is; one that ends meanwhile has a minute more. `say` is told what is waited for.
    """
    deadline, told = 0.0, set[str]()
    while True:
        try:
            return choose()
        except HeldByConnection as error:
            if error.problem not in told:
                told.add(error.problem)
                deadline = time.monotonic() + WAIT_SECONDS_MAX
                say(f"{error.problem}; it is waited for, a minute at most")
            elif time.monotonic() >= deadline:
                raise
        await asyncio.sleep(LOOK_SECONDS)


def kept_plan(home: Home, edge_port: int | None, workers: int, port_base: int) -> PortPlan:
    """The ports of `home`: those of its last start where nothing else is asked for.

    Raises `LocalError` as `plan` does. The caller holds the home's lock.
    """
    file = home.directory / "ports.json"
    kept = read_private(file)
    chosen = plan(edge_port, workers, port_base=port_base, kept=kept)
    write_private(file, {**kept, **_flat(chosen)})
    return chosen


def plan(
    edge_port: int | None, workers: int = 1, *, port_base: int = 0, kept: Ports | None = None
) -> PortPlan:
    """The ports `kept` from an earlier start, or from `port_base` on, or the well-known ones.

    An `edge_port` counts before these; without ports that are kept, any but the default one makes
    all others free ones. 0 stands for any free port, and lets those that are kept and in use now be
    replaced. Raises `LocalError` naming a port that is in use, and its holder.
    """
    purposes = _purposes(workers)
    wanted = _wanted(edge_port, purposes, port_base, kept or {})
    if edge_port == 0:
        wanted = {name: port if port and is_free(port) else 0 for name, port in wanted.items()}
    missing = [name for name in purposes if not wanted[name]]
    found = free_ports(len(missing), frozenset(wanted.values()))
    wanted |= dict(zip(missing, found, strict=True))
    for name, port in wanted.items():
        require_free(port, name, PORT_REMEDY)
    return _planned(wanted, workers)


def _processes(workers: int) -> list[str]:
    return [name for each in SERVICES for name in process_names(each.name, workers)]


def _purposes(workers: int) -> list[str]:
    """What ports are for, in the order in which `--port-base` counts."""
    processes = _processes(workers)
    return [
        "the edge",
        *(f"the {each.name} service" for each in SERVICES),
        "PostgreSQL",
        "MongoDB",
        *(f"the metrics of {name}" for name in processes),
        *(f"{name} alone" for name in processes if workers > 1),
        *limiter_names(workers),
        _SANDBOX,
    ]


def _wanted(
    edge_port: int | None, purposes: list[str], port_base: int, kept: Ports
) -> dict[str, int]:
    if port_base:
        if port_base + len(purposes) - 1 > PORT_MAX:
            raise LocalError(
                f"--port-base {port_base} leaves no room for {len(purposes)} ports",
                f"Choose one of at most {PORT_MAX - len(purposes) + 1}.",
            )
        wanted = {name: port_base + n for n, name in enumerate(purposes)}
    elif kept:
        wanted = {name: int(kept.get(name, 0)) for name in purposes}
    elif edge_port in (None, DEFAULT_EDGE_PORT):
        wanted = _well_known(purposes)
    else:
        wanted = dict.fromkeys(purposes, 0)
    if edge_port:
        wanted = {name: 0 if port == edge_port else port for name, port in wanted.items()}
        wanted["the edge"] = edge_port
    return wanted


def _well_known(purposes: list[str]) -> dict[str, int]:
    metrics = [name for name in purposes if name.startswith("the metrics of ")]
    return {
        **dict.fromkeys(purposes, 0),
        "the edge": DEFAULT_EDGE_PORT,
        **{f"the {each.name} service": each.port for each in SERVICES},
        **{name: WELL_KNOWN_METRICS + n for n, name in enumerate(metrics)},
    }


def _planned(ports: Ports, workers: int) -> PortPlan:
    processes = _processes(workers)
    return PortPlan(
        edge=ports["the edge"],
        grpc={each.name: ports[f"the {each.name} service"] for each in SERVICES},
        own={name: ports[f"{name} alone"] for name in processes if workers > 1},
        metrics={name: ports[f"the metrics of {name}"] for name in processes},
        postgres=ports["PostgreSQL"],
        mongod=ports["MongoDB"],
        limiters={name: ports[name] for name in limiter_names(workers)},
        sandbox=ports[_SANDBOX],
    )


def _flat(chosen: PortPlan) -> dict[str, int]:
    return {
        "the edge": chosen.edge,
        **{f"the {name} service": port for name, port in chosen.grpc.items()},
        "PostgreSQL": chosen.postgres,
        "MongoDB": chosen.mongod,
        **{f"the metrics of {name}": port for name, port in chosen.metrics.items()},
        **{f"{name} alone": port for name, port in chosen.own.items()},
        **chosen.limiters,
        _SANDBOX: chosen.sandbox,
    }

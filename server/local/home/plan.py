"""Chooses the port of each part of a cluster."""

from dataclasses import dataclass

from server.local.home.ports import free_ports, require_free
from server.services import SERVICES

DEFAULT_EDGE_PORT = 8080
WELL_KNOWN_METRICS = 9464
PORT_REMEDY = "Stop its holder, or choose another --edge-port, which makes all ports free ones."


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

    def behind_edge(self, service: str) -> list[int]:
        """The ports on which the edge reaches the service."""
        own = [port for name, port in self.own.items() if name.rpartition("-")[0] == service]
        return own or [self.grpc[service]]


def process_names(service: str, workers: int) -> list[str]:
    """The names of a service's processes."""
    return [service] if workers == 1 else [f"{service}-{n}" for n in range(1, workers + 1)]


def plan(edge_port: int, workers: int = 1) -> PortPlan:
    """The well-known ports with the default edge port; free ones with any other, 0 for any.

    Raises `LocalError` naming a port that is in use, and its holder.
    """
    processes = [name for each in SERVICES for name in process_names(each.name, workers)]
    numbered = processes if workers > 1 else []
    postgres, mongod, *own_ports = free_ports(2 + len(numbered))
    own = dict(zip(numbered, own_ports, strict=True))
    if edge_port == DEFAULT_EDGE_PORT:
        chosen = PortPlan(
            edge=DEFAULT_EDGE_PORT,
            grpc={each.name: each.port for each in SERVICES},
            own=own,
            metrics={name: WELL_KNOWN_METRICS + n for n, name in enumerate(processes)},
            postgres=postgres,
            mongod=mongod,
        )
    else:
        taken = frozenset({postgres, mongod, edge_port, *own_ports})
        edge, *rest = free_ports(1 + len(SERVICES) + len(processes), taken)
        chosen = PortPlan(
            edge=edge_port or edge,
            grpc=dict(zip((each.name for each in SERVICES), rest, strict=False)),
            own=own,
            metrics=dict(zip(processes, rest[len(SERVICES) :], strict=True)),
            postgres=postgres,
            mongod=mongod,
        )
    _require_free(chosen)
    return chosen


def _require_free(chosen: PortPlan) -> None:
    require_free(chosen.edge, "the edge", PORT_REMEDY)
    for service, port in chosen.grpc.items():
        require_free(port, f"the {service} service", PORT_REMEDY)
    for process, port in chosen.metrics.items():
        require_free(port, f"the metrics of {process}", PORT_REMEDY)

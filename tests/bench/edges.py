"""The two Envoys: ours with every filter on, and one that only transcodes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template

from server.local.engines import edge
from server.local.engines.envoy import Gateway
from server.local.home.ports import free_ports
from server.local.process.child import CHECKOUT
from server.services import SERVICES
from tests.bench.machine import LOAD_CORE, pin
from tests.bench.stage import Running, Stage

ENVOY = CHECKOUT / "envoy"
UNLIMITED_PER_MINUTE = 1_000_000_000


@dataclass(frozen=True)
class Edge:
    """An Envoy that answers on `port`."""

    pid: int
    port: int


@asynccontextmanager
async def whole(stage: Stage, service: Running) -> AsyncIterator[Edge]:
    """The edge as `emporium up` has it, with limits that nobody reaches.

    It waits for all three services, so `service` stands for each of them.
    """
    edge_port, admin_port = free_ports(2)
    configuration = edge.render(
        ENVOY,
        stage.folder / "edge",
        edge_port=edge_port,
        admin_port=admin_port,
        endpoints={each.name: [("127.0.0.1", service.port)] for each in SERVICES},
        jwks=stage.home.keys / "jwks.json",
        rate_limit_per_minute=UNLIMITED_PER_MINUTE,
        login_limit_per_minute=UNLIMITED_PER_MINUTE,
    )
    async with _running(stage, configuration, edge_port) as ready:
        yield ready


@asynccontextmanager
async def bare(stage: Stage, service: Running) -> AsyncIterator[Edge]:
    """A transcoder in front of `service`, and nothing else."""
    edge_port = free_ports(1)[0]
    template = Template((Path(__file__).parent / "bare_envoy.yaml").read_text(encoding="utf-8"))
    configuration = stage.folder / "bare_envoy.yaml"
    configuration.write_text(
        template.substitute(
            EDGE_PORT=edge_port,
            GRPC_PORT=service.port,
            DESCRIPTOR=ENVOY / "generated" / "emporium.pb",
        ),
        encoding="utf-8",
    )
    async with _running(stage, configuration, edge_port) as ready:
        yield ready


@asynccontextmanager
async def _running(stage: Stage, configuration: Path, port: int) -> AsyncIterator[Edge]:
    gateway = Gateway(
        configuration, edge_port=port, concurrency=1, log_file=stage.home.log_file("envoy")
    )
    try:
        await gateway.start()
        pin(gateway.child.pid, LOAD_CORE)
        yield Edge(gateway.child.pid, port)
    finally:
        await gateway.stop()

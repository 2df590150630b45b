"""An Envoy that only transcodes: what REST through our edge is compared with."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from string import Template

from tests.bench.machine import LOAD_CORE, free_port
from tests.bench.stage import Running, Stage
from tests.bench.tree import CHECKOUT

_READY_SECONDS = 30.0
_POLL_SECONDS = 0.03
_DESCRIPTOR = CHECKOUT / "envoy" / "generated" / "emporium.pb"


def whole(stage: Stage) -> Running:
    """The cluster's own edge, with every filter on and limits that nobody reaches."""
    return Running(stage.cluster.pid("envoy"), stage.cluster.edge_port)


@asynccontextmanager
async def bare(stage: Stage, service: Running) -> AsyncIterator[Running]:
    """The same program as a transcoder in front of `service`, and nothing else."""
    port = free_port()
    template = Template((Path(__file__).parent / "bare_envoy.yaml").read_text(encoding="utf-8"))
    configuration = stage.folder / "bare_envoy.yaml"
    configuration.write_text(
        template.substitute(EDGE_PORT=port, GRPC_PORT=service.port, DESCRIPTOR=_DESCRIPTOR),
        encoding="utf-8",
    )
    program = stage.program("envoy")
    options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
    command = [program, "--config-path", str(configuration), *options]
    async with stage.child(command, LOAD_CORE) as pid:
        await _accepting(port)
        yield Running(pid, port)


async def _accepting(port: int) -> None:
    """Returns when a process listens on `port`; polled, because nothing announces it."""
    async with asyncio.timeout(_READY_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(_POLL_SECONDS)
            else:
                writer.close()
                return

"""Envoys: the cluster's own, the same without its limits, and one that only transcodes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from string import Template
from typing import Any

import yaml

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
async def without_limits(stage: Stage) -> AsyncIterator[Running]:
    """One like the cluster's own, but for the filter that asks the limiters."""
    port = free_port()
    configuration = _without_limits(stage, port)
    async with _envoy(stage, configuration) as pid:
        await _accepting(port)
        yield Running(pid, port)


def _without_limits(stage: Stage, port: int) -> Path:
    made = Path(stage.cluster.record["home"], "edge", "envoy.yaml")
    config: Any = yaml.safe_load(made.read_text(encoding="utf-8"))
    del config["admin"]  # its socket is the other one's
    listeners = {each["name"]: each for each in config["static_resources"]["listeners"]}
    listeners["edge"]["address"]["socket_address"]["port_value"] = port
    listeners["edge"].pop("additional_addresses", None)
    manager = listeners["edge"]["filter_chains"][0]["filters"][0]["typed_config"]
    manager["http_filters"] = [each for each in manager["http_filters"] if each["name"] != "limits"]
    configuration = stage.folder / "without_limits.yaml"
    configuration.write_text(yaml.safe_dump(config), encoding="utf-8")
    return configuration


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
    async with _envoy(stage, configuration) as pid:
        await _accepting(port)
        yield Running(pid, port)


@asynccontextmanager
async def _envoy(stage: Stage, configuration: Path) -> AsyncIterator[int]:
    options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
    command = [stage.program("envoy"), "--config-path", str(configuration), *options]
    async with stage.child(command, LOAD_CORE) as pid:
        yield pid


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

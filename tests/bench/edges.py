"""Envoys: the cluster's own, the same with fewer filters, and one that only transcodes."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from string import Template
from typing import Any

import yaml

from server.local.engines.edge import Loader
from tests.bench.machine import LOAD_CORE, accepting, free_port
from tests.bench.stage import Running, Stage
from tests.bench.tree import CHECKOUT

LIMITS = "limits"
"""The filter that asks the limiters, and how their names begin."""
_DESCRIPTOR = CHECKOUT / "envoy" / "generated" / "emporium.pb"


def whole(stage: Stage) -> Running:
    """The cluster's own edge, with every filter on and limits that nobody reaches."""
    return Running(stage.cluster.pid("envoy"), stage.cluster.edge_port)


def limiters(stage: Stage) -> dict[str, int]:
    """The processes that the cluster's edge asks about each call, by name."""
    return {name: pid for name, pid in stage.cluster.pids.items() if name.startswith(LIMITS)}


def filter_names(stage: Stage) -> list[str]:
    """The filters of the cluster's own edge, in their order."""
    return [each["name"] for each in _manager(_configuration(stage))["http_filters"]]


@asynccontextmanager
async def without_limits(stage: Stage) -> AsyncIterator[Running]:
    """One like the cluster's own, but for the filter that asks the limiters."""
    async with with_filters(stage, set(filter_names(stage)) - {LIMITS}) as edge:
        yield edge


@asynccontextmanager
async def with_filters(stage: Stage, names: Collection[str]) -> AsyncIterator[Running]:
    """One like the cluster's own, with these of its filters alone."""
    port = free_port()
    config = _configuration(stage)
    del config["admin"]  # its socket is the other one's
    listener = _listener(config)
    listener["address"]["socket_address"]["port_value"] = port
    listener.pop("additional_addresses", None)
    manager = _manager(config)
    manager["http_filters"] = [each for each in manager["http_filters"] if each["name"] in names]
    file = stage.new_file(".yaml")
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    async with _envoy(stage, file) as pid:
        await accepting(port)
        yield Running(pid, port)


@asynccontextmanager
async def bare(stage: Stage, service: Running) -> AsyncIterator[Running]:
    """The same program as a transcoder in front of `service`, and nothing else."""
    port = free_port()
    template = Template((Path(__file__).parent / "bare_envoy.yaml").read_text(encoding="utf-8"))
    file = stage.new_file(".yaml")
    file.write_text(
        template.substitute(EDGE_PORT=port, GRPC_PORT=service.port, DESCRIPTOR=_DESCRIPTOR),
        encoding="utf-8",
    )
    async with _envoy(stage, file) as pid:
        await accepting(port)
        yield Running(pid, port)


def _configuration(stage: Stage) -> Any:
    """What the cluster's own edge was started with."""
    made = Path(stage.cluster.record["home"], "edge", "envoy.yaml")
    return yaml.load(made.read_text(encoding="utf-8"), Loader)


def _listener(config: Any) -> Any:
    listeners = config["static_resources"]["listeners"]
    return next(each for each in listeners if each["name"] == "edge")


def _manager(config: Any) -> Any:
    """What is done with HTTP."""
    return _listener(config)["filter_chains"][0]["filters"][0]["typed_config"]


@asynccontextmanager
async def _envoy(stage: Stage, configuration: Path) -> AsyncIterator[int]:
    options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
    command = [stage.program("envoy"), "--config-path", str(configuration), *options]
    async with stage.child(command, LOAD_CORE) as pid:
        yield pid

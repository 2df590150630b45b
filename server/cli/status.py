"""`emporium status`: what runs in a home, and its health."""

import asyncio
import dataclasses
import json
import time
from typing import Annotated, Any
from urllib.parse import urlsplit

import psutil
import typer
from rich.console import Console
from rich.table import Table

from server.cli import options as shared
from server.cli.work import done
from server.local.engines.envoy import ask
from server.local.home.record import ClusterRecord, require_running
from server.local.process.identity import ProcessRecord


def status(
    home: shared.Home = shared.DEFAULT_HOME,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Show what runs in a home; the exit code is 0 when all of it is healthy."""
    # Imported late: the driver is slow to load, and the other commands do not need it.
    from server.local.checks import dead_letters

    record = require_running(home)
    health = done(_health(record))
    outboxes = [record.postgres[name] for name in record.grpc if name in record.postgres]
    letters = done(dead_letters.count(outboxes))
    processes = [_process(process) for process in [record.supervisor, *record.processes]]
    well = record.state == "ready" and all(health.values())
    if as_json:
        content = dataclasses.asdict(record) | {"health": health, "processes": processes}
        content["dead_letters"] = letters
        print(json.dumps(content | {"well": well}, indent=2))
    else:
        _show(record, health, processes)
        _show_dead_letters(letters)
    raise typer.Exit(0 if well else 1)


async def _health(record: ClusterRecord) -> dict[str, bool]:
    """Whether each service and the edge report that they are ready."""
    # Imported late: gRPC is slow to load, and the other commands do not need it.
    from server.local.engines.health import is_serving

    services = await asyncio.gather(*(is_serving(address) for address in record.grpc.values()))
    edge_port = urlsplit(record.edge_url).port or 0
    edge = await asyncio.to_thread(ask, edge_port, "/ready")
    return dict(zip(record.grpc, services, strict=True)) | {"edge": edge == "200"}


def _process(process: ProcessRecord) -> dict[str, Any]:
    content: dict[str, Any] = {**vars(process), "alive": process.is_alive}
    if process.is_alive:
        handle = psutil.Process(process.pid)
        content["rss_mb"] = round(handle.memory_info().rss / 1024**2)
        content["up_seconds"] = round(time.time() - handle.create_time())
    return content


def _show(record: ClusterRecord, health: dict[str, bool], processes: list[dict[str, Any]]) -> None:
    console = Console()
    console.print(f"{record.home}: {record.state} since {record.started_at}", soft_wrap=True)
    table = Table("process", "pid", "state", "MB", "up, s", box=None, pad_edge=False)
    for process in processes:
        table.add_row(
            process["name"],
            str(process["pid"]),
            "alive" if process["alive"] else "[red]gone[/]",
            str(process.get("rss_mb", "")),
            str(process.get("up_seconds", "")),
        )
    console.print(table)
    for name, ready in health.items():
        where = record.grpc.get(name, record.edge_url)
        console.print(f"{name:<10} {where:<24} {'ready' if ready else '[red]not ready[/]'}")


def _show_dead_letters(letters: int | None) -> None:
    """They wait for an operator and make nothing else unhealthy."""
    again = "; show them and send them again: emporium dead-letters --help"
    known = "unknown" if letters is None else str(letters)
    Console().print(f"dead letters: {known}{again if letters else ''}", soft_wrap=True)

"""What a cluster has used while it was called: processors, memory, connections, slow statements."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient

from tests.bench.machine import clients_cpu_seconds, cpu_seconds, resident_mb
from tests.bench.stage import Stage

SLOW_MS = 100
# MongoDB counts operations in buckets, each known by its least duration; this one holds 100 ms.
_SLOW_BUCKET_US = 98_304
_LOG_SLOW = f"ALTER SYSTEM SET log_min_duration_statement = {SLOW_MS}"
_LOG_AS_BEFORE = "ALTER SYSTEM RESET log_min_duration_statement"
_RELOAD = "SELECT pg_reload_conf()"
# Of single statements each is a transaction; where several make one, they count as one.
_STATEMENTS = "SELECT sum(xact_commit + xact_rollback)::bigint FROM pg_stat_database"
_CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"


@dataclass(frozen=True)
class Statements:
    """How many a database has executed, and how many of these took more than `SLOW_MS`."""

    all: int = 0
    slow: int = 0

    def __sub__(self, before: "Statements") -> "Statements":
        return Statements(self.all - before.all, self.slow - before.slow)

    @property
    def slow_share(self) -> float:
        """Of all of them. PostgreSQL counts a statement up to a second after it is done."""
        return self.slow / max(self.all, self.slow, 1)


@dataclass
class Usage:
    """It is complete when what was watched has ended."""

    cores: dict[str, float] = field(default_factory=dict)  # by process: CPU seconds a second
    resident_mb: dict[str, float] = field(default_factory=dict)  # by service
    connections: dict[str, int] = field(default_factory=dict)  # by database
    statements: dict[str, Statements] = field(default_factory=dict)  # by database


@asynccontextmanager
async def watched(stage: Stage) -> AsyncIterator[Usage]:
    """What is used while the block runs. Connections stay open, so they are counted at its end."""
    usage = Usage()
    async with (
        stage.admin("/postgres") as postgres,
        AsyncMongoClient[dict[str, Any]](stage.cluster.record["mongodb_uri"]) as mongo,
    ):
        for statement in (_LOG_SLOW, _RELOAD):
            await postgres.execute(statement)
        try:
            began, cpu = time.perf_counter(), _cpu(stage)
            before = await _statements(stage, postgres, mongo)
            yield usage
            seconds = time.perf_counter() - began
            usage.cores |= {
                name: (used - cpu[name]) / seconds for name, used in _cpu(stage).items()
            }
            after = await _statements(stage, postgres, mongo)
            usage.statements |= {name: each - before[name] for name, each in after.items()}
            usage.connections["PostgreSQL"] = await postgres.fetchval(_CONNECTIONS) - 1  # our own
            status = await mongo.admin.command("serverStatus")
            usage.connections["MongoDB"] = status["connections"]["current"]
        finally:
            for statement in (_LOG_AS_BEFORE, _RELOAD):
                await postgres.execute(statement)
    usage.resident_mb |= {
        name: resident_mb(stage.cluster.pid(name)) for name in stage.cluster.record["grpc"]
    }


def _cpu(stage: Stage) -> dict[str, float]:
    """The CPU seconds of each process; of PostgreSQL those of its clients' processes together."""
    pids = stage.cluster.pids
    found = {name: cpu_seconds(pid) for name, pid in pids.items() if name != "postgres"}
    return found | {"postgres": sum(clients_cpu_seconds(pids["postgres"]).values())}


async def _statements(
    stage: Stage, postgres: Any, mongo: AsyncMongoClient[dict[str, Any]]
) -> dict[str, Statements]:
    status = await mongo.admin.command("serverStatus", opLatencies={"histograms": True})
    return {
        "PostgreSQL": Statements(await postgres.fetchval(_STATEMENTS), _logged_as_slow(stage)),
        "MongoDB": of_histograms(status["opLatencies"]),
    }


def _logged_as_slow(stage: Stage) -> int:
    log = Path(stage.cluster.record["home"], "logs", "postgres.log")
    return log.read_text("utf-8").count(" duration: ")


def of_histograms(latencies: Mapping[str, Any]) -> Statements:
    """What MongoDB tells of its reads and writes; commands also wait, for what is new."""
    found = Statements()
    for kind in ("reads", "writes"):
        slow = sum(
            each["count"]
            for each in latencies[kind]["histogram"]
            if each["micros"] >= _SLOW_BUCKET_US
        )
        found = Statements(found.all + latencies[kind]["ops"], found.slow + slow)
    return found

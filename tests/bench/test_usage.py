"""What is told of a cluster that somebody has called."""

from pathlib import Path

from tests.bench.cluster import Cluster
from tests.bench.stage import Stage
from tests.bench.usage import SLOW_MS, Statements, of_histograms, watched


async def test_a_slow_statement_is_told_from_the_others(tmp_path: Path, cluster: Cluster) -> None:
    stage = Stage(tmp_path, cluster)
    async with watched(stage) as usage, stage.admin("/postgres") as connection:
        await connection.execute(f"SELECT pg_sleep({SLOW_MS / 1000 + 0.01})")
        await connection.execute("SELECT pg_sleep(0)")
    assert usage.statements["PostgreSQL"].slow == 1
    assert usage.connections.keys() == usage.statements.keys() == {"PostgreSQL", "MongoDB"}
    assert all(count > 0 for count in usage.connections.values())
    assert usage.resident_mb.keys() == {"user", "order", "analytics"}
    assert {"user", "envoy", "postgres", "mongod"} <= usage.cores.keys()


def test_of_mongodb_reads_and_writes_count_and_not_what_waits() -> None:
    histogram = [{"micros": 512, "count": 8}, {"micros": 98_304, "count": 2}]
    found = of_histograms(
        {
            "reads": {"ops": 10, "histogram": histogram},
            "writes": {"ops": 5, "histogram": []},
            "commands": {"ops": 1_000, "histogram": [{"micros": 10_000_000, "count": 1_000}]},
        }
    )
    assert found == Statements(15, 2)
    assert found - Statements(10, 2) == Statements(5, 0)


def test_what_is_slow_counts_also_before_it_counts_as_done() -> None:
    assert Statements().slow_share == 0
    assert Statements(100, 5).slow_share == 0.05
    assert Statements(0, 1).slow_share == 1

"""A cluster on databases that it does not run."""

from pathlib import Path

import pytest

from server.local.cluster import Cluster
from server.local.engines.mongo import EmbeddedMongo
from server.local.engines.postgres import EmbeddedPostgres
from server.local.errors import LocalError
from server.local.home.ports import free_ports
from server.local.options import ClusterOptions


async def test_databases_that_run_elsewhere_are_used_and_left_running(tmp_path: Path) -> None:
    async with (
        EmbeddedPostgres(tmp_path / "postgres", durable=False) as postgres,
        EmbeddedMongo(tmp_path / "mongo", durable=False) as mongo,
    ):
        options = ClusterOptions(
            home=tmp_path / "home",
            edge_port=0,
            database_url=postgres.admin_dsn,
            mongodb_uri=mongo.uri,
        )
        async with Cluster(options) as cluster:
            names = [process.name for process in cluster.record.processes]
            assert names == [
                "user",
                "order",
                "analytics",
                "limits-1",
                "limits-2",
                "sandbox",
                "envoy",
            ]
            assert cluster.record.mongodb_uri == mongo.uri
        assert postgres.child.running
        assert mongo.child.running


async def test_a_postgres_that_cannot_be_reached_is_reported_with_the_remedy(
    mongo: EmbeddedMongo, tmp_path: Path
) -> None:
    nowhere = f"postgresql://admin:secret@127.0.0.1:{free_ports(1)[0]}/postgres"
    options = ClusterOptions(
        home=tmp_path, edge_port=0, database_url=nowhere, mongodb_uri=mongo.uri
    )
    with pytest.raises(LocalError, match="cannot be reached") as raised:
        async with Cluster(options):
            pass
    assert "DATABASE_URL" in raised.value.remedy
    assert "secret" not in str(raised.value)


async def test_an_admin_whom_postgres_refuses_is_reported(
    postgres: EmbeddedPostgres, mongo: EmbeddedMongo, tmp_path: Path
) -> None:
    wrong = f"postgresql://nobody:wrong@127.0.0.1:{postgres.port}/postgres"
    options = ClusterOptions(home=tmp_path, edge_port=0, database_url=wrong, mongodb_uri=mongo.uri)
    with pytest.raises(LocalError, match="refuses the role"):
        async with Cluster(options):
            pass

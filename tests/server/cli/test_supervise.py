"""The process that runs a cluster stays small: it lives as long as the cluster."""

import subprocess
import sys
from pathlib import Path

from server.cli.handover import options_pipe, read_options
from server.local.options import ClusterOptions

# Each takes megabytes; a helper process loads those that a cluster needs.
HEAVY = {
    "alembic",
    "asyncpg",
    "cryptography",
    "emporium",
    "google",
    "grpc",
    "jwt",
    "motor",
    "msgspec",
    "pydantic",
    "pymongo",
    "sqlalchemy",
    "structlog",
    "typer",
    "yaml",
}


def test_the_supervisor_imports_no_driver_nor_other_heavy_module() -> None:
    code = """
import sys
import server.cli.supervise, server.cli.foreground
print(*{name.partition(".")[0] for name in sys.modules})
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(ran.stdout.split())


def test_options_reach_the_supervisor_as_they_are() -> None:
    options = ClusterOptions(
        home=Path("/a/home"),
        edge_port=0,
        workers=3,
        seed="none",
        cors_origins=("https://shop.example", "http://localhost:3000"),
        database_url="postgresql://a:b@c/d",
    )
    assert read_options(options_pipe(options)) == options

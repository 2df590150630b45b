"""Every row of the bench can be run. What it measures so is nothing to go by."""

import importlib
from pathlib import Path

import pytest

from tests.bench import rows
from tests.bench.__main__ import NAMES
from tests.bench.budget import SMALLEST
from tests.bench.cluster import Cluster
from tests.bench.stage import Stage
from tests.system_packages import require


def test_every_row_is_one_that_can_be_asked_for() -> None:
    modules = {path.stem.replace("_", "-") for path in Path(rows.__path__[0]).glob("[a-z]*.py")}
    assert modules == {*NAMES}


@pytest.mark.timeout(300)
async def test_every_row_can_be_run(cluster: Cluster, tmp_path: Path) -> None:
    require("nghttp2-client")
    stage = Stage(tmp_path, cluster)
    for name in NAMES:
        row = importlib.import_module(f"tests.bench.rows.{name.replace('-', '_')}")
        assert await row.measure(stage, SMALLEST), name

"""The cluster that rows are measured on."""

from collections.abc import Iterator

import pytest

from tests.bench.cluster import Cluster, running
from tests.bench.tree import this_checkout


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running(this_checkout(), tmp_path_factory.mktemp("bench") / "home") as made:
        yield made

"""What a cluster holds in memory when nobody calls.

PSS divides a page among all processes that map it. So only one cluster runs at a time, and nothing
here, nor what has been imported until then, may load the libraries that the services load.
"""

import time
from pathlib import Path

from tests.bench.cluster import running
from tests.bench.tree import Tree

PARTS = ("user", "order", "analytics", "envoy", "supervisor")  # all but the databases
_SETTLING_SECONDS = 30.0


def idle_megabytes(tree: Tree, home: Path) -> dict[str, float]:
    """The PSS of each part, half a minute after the cluster has become ready."""
    with running(tree, home) as cluster:
        time.sleep(_SETTLING_SECONDS)
        return {part: _pss_megabytes(cluster.pid(part)) for part in PARTS}


def _pss_megabytes(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    kilobytes = next(line.split()[1] for line in lines if line.startswith("Pss:"))
    return int(kilobytes) / 1024

"""slowhttptest: a thousand connections that are as slow as they may be, beside honest callers."""

import asyncio
import shutil
from collections.abc import Sequence

from emporium.user.v1.user_service_pb2 import User
from tests.bench.report import Row
from tests.campaign.campaign import Setting
from tests.campaign.programs import CORES, child
from tests.envoy.conftest import Edge, edge_before
from tests.envoy.honest import honest
from tests.envoy.upstream import Upstream, always

PACKAGE = "slowhttptest"
CONNECTIONS = 1_000
SECONDS = 45.0  # longer than the edge waits for anything
GROWTH_MB_MAX = 100
_UNLIMITED = 1_000_000
_LARGE, _POST = "/api/openapi.json", "/api/v1/users"
# What each is asked, beside how many and how long: a little more every second.
ATTACKS = {
    "slow headers": ("-H", "-i", "1", "-u", _POST),
    "slow bodies": ("-B", "-i", "1", "-s", "8192", "-u", _POST),
    "slow readers": ("-X", "-w", "1", "-y", "2", "-n", "5", "-z", "32", "-k", "3", "-u", _LARGE),
    "ranges": ("-R", "-u", _LARGE),
}


async def attacked(setting: Setting) -> list[Row]:
    """A row for each attack."""
    if not shutil.which(PACKAGE):
        install = f"as root: apt-get install --yes --no-install-recommends {PACKAGE}"
        return [Row(what=f"slow clients: needs {PACKAGE}", figure=install, met=False)]
    folder = setting.folder / "slow_clients"
    folder.mkdir()
    rows = []
    async with Upstream() as upstream:
        await upstream.serving(True)
        upstream.answers["GetUser"] = always(User(id="1"))
        async with edge_before(upstream, folder, per_minute=_UNLIMITED) as edge:
            for name, words in ATTACKS.items():
                with setting.console.status(name):
                    rows.append(await _attacked(edge, name, words))
                setting.console.print(f"{name}: {rows[-1].ours}")
    return rows


async def _attacked(edge: Edge, name: str, words: Sequence[str]) -> Row:
    *how, path = words
    command = [PACKAGE, *how, f"http://127.0.0.1:{edge.port}{path}"]
    command += ["-c", f"{CONNECTIONS}", "-r", f"{CONNECTIONS // 5}", "-l", f"{SECONDS:.0f}"]
    log = edge.folder / f"{name}.log"
    before = await edge.allocated_bytes()
    async with honest(edge) as met, child(CORES, command, log) as process:
        async with asyncio.timeout(2 * SECONDS):
            await process.wait()
    grown_mb = (max(met.allocated_bytes) - before) / 2**20
    return Row(
        what=f"{name}: {CONNECTIONS:,} connections for {SECONDS:.0f} s",
        ours=f"{met.calls} honest calls, {len(met.failures)} failed {met.failures[:1] or ''}",
        figure=f"{grown_mb:.0f} MB",
        target=f"no failure, and Envoy grows by {GROWTH_MB_MAX} MB at most",
        met=bool(met.calls) and not met.failures and grown_mb < GROWTH_MB_MAX,
    )

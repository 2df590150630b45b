"""What a thousand users wait at a hundred calls a second: locust on one core, the rest on another.

They look around, sign up, log in, order, pay, watch and read their orders, each with a call every
ten seconds. Who is there from the beginning is signed in before the clock starts. Where there is
less time than the campaign's own, there are fewer users and calls, in proportion.
"""

import json
import time
from pathlib import Path

from tests.bench.cluster import Cluster, running
from tests.bench.machine import LOAD_CORE, SERVER_CORE, pin_family
from tests.bench.report import Row
from tests.bench.tree import CHECKOUT, this_checkout
from tests.campaign import crowd
from tests.campaign.campaign import Setting
from tests.campaign.crowd import figures
from tests.campaign.crowd.accounts import signed_in
from tests.campaign.crowd.figures import Crowd, Unfinished
from tests.campaign.programs import child, prepared

MINUTES = 25.0  # most of them for the accounts: two bcrypts each
USERS = 1_000
CALLS_A_SECOND = 100.0
BCRYPT_A_SECOND = 2.0  # sign-ups and log-ins together
SECONDS = 300.0
_NAME = "locust"
_LOCUSTFILE = Path(crowd.__file__).with_name("locustfile.py").relative_to(CHECKOUT)
_SPAWNING_SECONDS = 5
_LAST_ANSWERS_SECONDS = 10
# Calls that come late are not made up for, so a few more are meant; and of the dear ones fewer.
_MORE, _LESS = 1.02, 0.95


async def run(setting: Setting) -> list[Row]:
    """Rows of what was promised, and one for each call."""
    setting.chosen(())
    if not prepared(_NAME).exists():
        return [Row(what="thousand_users: needs locust", figure="make campaign", met=False)]
    share = min(1.0, setting.minutes / MINUTES)
    planned = Crowd(int(USERS * share), CALLS_A_SECOND * share, BCRYPT_A_SECOND * share)
    with running(this_checkout(), setting.folder / "home") as cluster:
        edge_url = f"http://127.0.0.1:{cluster.edge_port}"
        accounts = setting.folder / "accounts.json"
        with setting.console.status(f"{planned.users} accounts"):
            began = time.monotonic()
            accounts.write_text(json.dumps(await signed_in(edge_url, planned.users)))
        took = time.monotonic() - began
        setting.console.print(f"{planned.users} accounts made and signed in: {took:.0f} s")
        _pin(cluster)
        prefix, log = setting.folder / "figures", setting.folder / "locust.log"
        command = _command(planned, SECONDS * share, edge_url, prefix)
        command += ["--accounts", str(accounts), "--seed", str(setting.seed)]
        with setting.console.status(f"{planned.users} users for {SECONDS * share:.0f} s"):
            async with child([LOAD_CORE], command, log) as process:
                await process.wait()
    try:
        return figures.rows(figures.read(prefix, log), planned)
    except Unfinished as unfinished:
        return [Row(what="thousand_users", ours=str(unfinished), met=False)]


def _pin(cluster: Cluster) -> None:
    for pid in cluster.pids.values():
        pin_family(pid, SERVER_CORE)


def _command(planned: Crowd, seconds: float, edge_url: str, prefix: Path) -> list[str]:
    python = str(prepared("python"))
    every = planned.users / (planned.calls_a_second * _MORE)
    newcomers = planned.bcrypt_a_second / 2 * _LESS  # each signs up, and logs in
    return [
        *(python, "-m", "locust", "--headless", "--only-summary", "--reset-stats"),
        *("--locustfile", str(_LOCUSTFILE), "--host", edge_url),
        *("--users", f"{planned.users}", "--spawn-rate", f"{planned.users}"),
        *("--run-time", f"{seconds + _SPAWNING_SECONDS:.0f}s"),
        *("--stop-timeout", f"{_LAST_ANSWERS_SECONDS}"),
        *("--json-file", str(prefix), "--csv", str(prefix)),
        *("--every", f"{every}", "--newcomers-a-second", f"{newcomers}"),
    ]

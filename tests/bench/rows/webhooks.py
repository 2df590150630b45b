"""Webhooks: posts a second against bare httpx, and what webhooks cost that ask for other events."""

import asyncio
import json
import sys
from functools import partial

from tests.bench.budget import Budget
from tests.bench.compare import Run, alternate
from tests.bench.machine import LOAD_CORE, SERVER_CORE, free_port, pin
from tests.bench.report import Row
from tests.bench.stage import Stage
from tests.bench.tree import CHECKOUT

_POSTS_TARGET = 0.5
_COUNT = 2_000
# The same work but for chance: what is left below 1 is the noise of a database beside it.
_OTHERS_TARGET = 0.85


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """Each run is a process of its own on the server core; the receiver is on the other."""
    database_url = await stage.database("order", "_webhooks")
    port = free_port()
    receiver = [sys.executable, "-m", "tests.bench.webhook_posts", "receiver", str(port)]
    run = partial(_run, database_url, f"http://127.0.0.1:{port}/hook")
    async with stage.child(receiver, LOAD_CORE):
        await _listening(port)
        posts = await alternate(partial(run, "ours"), partial(run, "bare"), budget.rounds)
        made = await alternate(partial(run, "many"), partial(run, "few"), budget.rounds)
    return [
        posts.row_by_rate("webhooks: deliveries / bare httpx", _POSTS_TARGET),
        made.row_by_rate("events to 10 webhooks of 1,000 / to 10", _OTHERS_TARGET),
    ]


async def _run(database_url: str, url: str, side: str) -> Run:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.webhook_posts", side, database_url, url, str(_COUNT)),
        stdout=asyncio.subprocess.PIPE,
        cwd=CHECKOUT,
    )
    pin(process.pid, SERVER_CORE)
    told, _ = await process.communicate()
    seconds, cpu = json.loads(told)
    return Run(_COUNT / seconds, cpu / _COUNT * 1e6)


async def _listening(port: int) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return

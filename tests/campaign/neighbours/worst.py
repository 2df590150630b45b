"""The one caller, as a process of its own, so that its work is not the others' wait.

    python -m tests.campaign.neighbours.worst SHOP KIND SEED

SHOP is a pickled `Shop`. It begins at once, sends a minute's calls all together, waits for the next
minute, and ends when its standard input does. Then it prints how its calls were answered.
"""

import asyncio
import json
import os
import pickle
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.bench.tree import CHECKOUT
from tests.campaign.http2 import Connection, Lost, connected
from tests.campaign.neighbours.kinds import KINDS, Shot, mixed
from tests.campaign.neighbours.shop import Shop

ADDRESS = "127.0.0.2"  # its own, so that its address is limited and not the others'
IDLE = "idle_connections"
MIXED = "mixed"
NAMES = (*KINDS, IDLE, MIXED)
_MINUTE_SECONDS = 60.0
_CONNECTIONS = 4
_IDLE_CONNECTIONS = 500
_STOP_SECONDS = 20.0


class WorstFailed(Exception):
    """The one caller did not do its worst, so that the figures would mean nothing."""


# Whatever was asked: UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE and DATA_LOSS are our fault.
_FAULTS = frozenset(f"grpc {code}" for code in (2, 4, 13, 14, 15))
_TOO_LATE = frozenset({"408", "grpc 4"})


@dataclass
class Account:
    """How the calls of the one caller were answered, by outcome; known when it has ended."""

    outcomes: dict[str, int]

    @property
    def has_faults(self) -> bool:
        """Whether a call failed for what is no fault of the caller's: 5xx, or the like by gRPC."""
        return any(each in _FAULTS or each.startswith("5") for each in self.outcomes)

    def __str__(self) -> str:
        return ", ".join(f"{count} x {outcome}" for outcome, count in self.outcomes.items())


@asynccontextmanager
async def doing_its_worst(shop: Path, kind: str, seed: str) -> AsyncIterator[Account]:
    """The one caller is at work while the block runs."""
    account = Account({})
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, str(shop), kind, seed,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=CHECKOUT,
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    try:
        await process.stdout.readline()  # it has made its calls, and begins
        yield account
        process.stdin.close()
        async with asyncio.timeout(_STOP_SECONDS):
            printed = await process.stdout.read()
            if await process.wait():
                raise WorstFailed(f"{kind}: the one caller has ended with {process.returncode}")
        account.outcomes = json.loads(printed)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _work(shop: Shop, kind: str, chance: random.Random) -> None:
    outcomes: Counter[str] = Counter()
    minute = mixed if kind == MIXED else KINDS.get(kind)
    volleys = [minute(shop, chance) for _ in range(2)] if minute else []
    print("ready", flush=True)
    job = asyncio.create_task(_shoot(shop, volleys, outcomes) if volleys else _idle(shop, outcomes))
    await asyncio.to_thread(sys.stdin.read)
    job.cancel()
    with suppress(asyncio.CancelledError):
        await job  # raises what has ended it before
    print(json.dumps(dict(outcomes.most_common())))


async def _shoot(shop: Shop, volleys: list[list[Shot]], outcomes: Counter[str]) -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        minute, began = 0, loop.time()
        while True:
            ports = {shot.port for shot in volleys[0] + volleys[1]}
            connections = {
                port: [await connected(shop.ports[port], ADDRESS) for _ in range(_CONNECTIONS)]
                for port in ports
            }
            for n, shot in enumerate(volleys[minute % 2]):
                group.create_task(_call(connections[shot.port][n % _CONNECTIONS], shot, outcomes))
            minute += 1
            await asyncio.sleep(began + minute * _MINUTE_SECONDS - loop.time())


async def _call(connection: Connection, shot: Shot, outcomes: Counter[str]) -> None:
    try:
        answer = await connection.call(shot.request)
    except Lost:
        outcomes["lost"] += 1
    else:
        # Whose call never ends is told so in its time.
        is_late = not shot.request.ends and answer.outcome in _TOO_LATE
        outcomes["unfinished" if is_late else answer.outcome] += 1


async def _idle(shop: Shop, outcomes: Counter[str]) -> None:
    """Keeps many connections open that ask nothing; opens another for each that is closed."""

    async def again_and_again() -> None:
        while True:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", shop.ports["edge"], local_addr=(ADDRESS, 0)
            )
            outcomes["opened"] += 1
            await reader.read()
            writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(_IDLE_CONNECTIONS):
            group.create_task(again_and_again())


def main() -> None:
    """Works until its standard input ends."""
    os.nice(19)  # it stands for another machine, and may take what is left of this one
    shop: Shop = pickle.loads(Path(sys.argv[1]).read_bytes())
    asyncio.run(_work(shop, sys.argv[2], random.Random(sys.argv[3])))


if __name__ == "__main__":
    main()

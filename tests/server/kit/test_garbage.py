"""What the collector of cyclic garbage has to look at while a service runs."""

import gc
import subprocess
import sys

# A process of its own: what is frozen stays so until it ends.
_PROGRAM = """
import asyncio, gc, os, signal
from server.kit import lifecycle

async def main():
    loaded = [[n] for n in range(100_000)]
    before = len(gc.get_objects())
    asyncio.get_running_loop().call_soon(looked, before, loaded)
    await lifecycle.stopping()

def looked(before, loaded):
    print(before, len(gc.get_objects()), gc.get_threshold()[0], len(loaded))
    os.kill(os.getpid(), signal.SIGTERM)

asyncio.run(main())
"""


def test_what_is_loaded_when_a_service_runs_is_not_looked_at_again() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", _PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    before, after, young_max, _ = map(int, done.stdout.split())
    assert before > 100_000
    assert after < before / 100
    assert young_max > gc.get_threshold()[0]

"""Whether the edge holds against what others send: the proofs of the suite, at length.

The parts are these proofs, each run as a test, with the campaign's seed and time; and
`slow_clients` and `cache_in_front`, with the programs that they need.
"""

from dataclasses import replace

from tests.bench.report import Row
from tests.campaign import cache_in_front, slow_clients
from tests.campaign.campaign import Setting
from tests.campaign.proofs import Part, proved

MINUTES = 70.0

PARTS = {
    "schemathesis": Part(["tests/e2e/test_schemathesis.py"], 40),
    "doors": Part(["tests/e2e/doors/test_doors_agree.py"], 40),
    "naughty_strings": Part(["tests/e2e/doors/test_naughty_strings.py"], 100),  # each in each text
    "hostile_frames": Part(["tests/envoy/test_hostile_frames.py"], 30),
}
SLOW_CLIENTS, CACHE_IN_FRONT = "slow_clients", "cache_in_front"


async def run(setting: Setting) -> list[Row]:
    """A row for each proof, for each way to be slow, and for each promise of a cache in front."""
    chosen = setting.chosen([*PARTS, SLOW_CLIENTS, CACHE_IN_FRONT])
    proofs = {name: part for name, part in PARTS.items() if name in chosen}
    rows = await proved(replace(setting, only=()), proofs, MINUTES)
    if SLOW_CLIENTS in chosen:
        rows += await slow_clients.attacked(setting)
    if CACHE_IN_FRONT in chosen:
        rows += await cache_in_front.tried(setting)
    return rows

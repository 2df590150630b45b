"""Whether the edge holds against what others send: the proofs of the suite, at length.

The parts are these proofs, each run as a test, with the campaign's seed and time.
"""

from tests.bench.report import Row
from tests.campaign.campaign import Setting
from tests.campaign.proofs import Part, proved

MINUTES = 30.0

PARTS = {
    "schemathesis": Part(["tests/e2e/test_schemathesis.py"], 40),
    "hostile_frames": Part(["tests/envoy/test_hostile_frames.py"], 30),
}


async def run(setting: Setting) -> list[Row]:
    """A row for each proof."""
    return await proved(setting, PARTS, MINUTES)

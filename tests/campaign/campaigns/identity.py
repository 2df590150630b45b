"""Whether accounts, sessions and access hold under attack: the proofs of the suite, at length.

The parts are these proofs. Each is run as a test, with the campaign's seed and with as much effort
as the time allows: half of it for the refresh races and the journeys.
"""

from tests.bench.report import Row
from tests.campaign.campaign import Setting
from tests.campaign.proofs import Part, proved

MINUTES = 40.0

PARTS = {
    "tokens": Part(["tests/envoy/test_every_method.py"], 40),
    "access": Part(["tests/server/kit/call/test_every_rule.py", "tests/e2e/test_access.py"], 10),
    "fields": Part(["tests/e2e/test_mass_assignment.py"], 40),
    "races": Part(["tests/e2e/test_refresh_races.py"], 100),
    "journeys": Part(["tests/server/user/test_journeys.py"], 60),
}


async def run(setting: Setting) -> list[Row]:
    """A row for each proof."""
    return await proved(setting, PARTS, MINUTES)

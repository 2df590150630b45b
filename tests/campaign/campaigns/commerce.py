"""Whether the trade holds when processes die and calls are cut off: the suite's proofs at length.

The parts are these proofs. Each is run as a test, with the campaign's seed and with as much effort
as the time allows.
"""

from tests.bench.report import Row
from tests.campaign.campaign import Setting
from tests.campaign.proofs import Part, proved

MINUTES = 30.0

PARTS = {
    "buyers": Part(["tests/e2e/test_commerce.py"], 40),
    "stock": Part(["tests/server/order/stock/test_races.py"], 1),
    "deletes": Part(["tests/server/order/catalog/test_delete_races.py"], 60),
    "life": Part(["tests/server/order/orders/test_life.py"], 60),
}


async def run(setting: Setting) -> list[Row]:
    """A row for each proof."""
    return await proved(setting, PARTS, MINUTES)

"""Whether the trade holds when processes die and calls are cut off: the suite's proofs at length.

The parts are these proofs. Each is run as a test, with the campaign's seed and with as much effort
as the time allows. `crowd` is of 1,000 buyers, half of whom want one product, and half five of
1,000 in any order; `--size` makes it another number of times 60 buyers and 20 products. Its rounds
are seeded one by one: `--from-round` goes on with the one that a run before has come to, which the
log of that says.
"""

from tests.bench.report import Row
from tests.campaign.campaign import Setting
from tests.campaign.proofs import Part, proved

MINUTES = 30.0

PARTS = {
    "buyers": Part(["tests/e2e/test_commerce.py"], 40),
    "crowd": Part(["tests/e2e/test_commerce.py"], 5, size=1_000 / 60),
    "deadlines": Part(["tests/server/order/payments/test_service_deadlines.py"], 30),
    "stock": Part(["tests/server/order/stock/test_races.py"], 1),
    "deletes": Part(["tests/server/order/catalog/test_delete_races.py"], 60),
    "life": Part(["tests/server/order/orders/test_life.py"], 60),
}


async def run(setting: Setting) -> list[Row]:
    """A row for each proof."""
    return await proved(setting, PARTS, MINUTES)

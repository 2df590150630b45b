"""What others wait while one caller does its worst within its limits: at most three times as long.

The parts are the kinds of worst. The p99 of each rpc of the others, by either door, is measured in
quiet first and then under each kind. The one caller may be refused, and meets no fault of ours.
"""

import pickle
from collections import Counter
from collections.abc import Mapping

from tests.bench.cluster import running
from tests.bench.report import Row
from tests.bench.tree import this_checkout
from tests.campaign.campaign import Setting
from tests.campaign.neighbours import worst
from tests.campaign.neighbours.others import CALLS_A_SECOND, Times, measured, names
from tests.campaign.neighbours.shop import filled
from tests.campaign.statistics import quantile

MINUTES = 25.0
RATIO_MAX = 3.0
CALLS = 2_100  # of each rpc by each door: a minute of them, enough for a p99
_WARM_UP_CALLS = 200
_FILLING_MINUTES = 4.0

Found = Mapping[str, Times]


async def run(setting: Setting) -> list[Row]:
    """Measures quiet, then each kind."""
    kinds = setting.chosen(worst.NAMES)
    calls = _calls(setting.minutes, len(kinds))
    with running(this_checkout(), setting.folder / "home", limits=()) as cluster:
        with setting.console.status("filling"):
            shop = await filled(cluster)
        file = setting.folder / "shop"
        file.write_bytes(pickle.dumps(shop))
        with setting.console.status("quiet"):
            await measured(shop, _WARM_UP_CALLS, setting.random("warm-up"))
            quiet = await measured(shop, calls, setting.random("others"))
        rows = [_quiet_row(name, quiet[name]) for name in names()]
        for kind in kinds:
            with setting.console.status(kind):
                async with worst.doing_its_worst(file, kind, f"{setting.seed} {kind}") as account:
                    found = await measured(shop, calls, setting.random("others"))
            rows += _rows(kind, quiet, found, account)
            setting.console.print(
                *(f"{row.what}: {row.figure or row.ours}" for row in rows[-9:]), sep="\n"
            )
    return rows


def _calls(minutes: float, kinds: int) -> int:
    """So many calls of each rpc as there is time for, but not more than are enough."""
    seconds = (minutes - _FILLING_MINUTES) * 60 / (kinds + 1)
    return min(CALLS, int(seconds * 0.9 * CALLS_A_SECOND))


def _quiet_row(name: str, times: Times) -> Row:
    return Row(what=f"quiet: {name}", ours=_p99(times), met=not times.failures)


def _rows(kind: str, quiet: Found, found: Found, account: worst.Account) -> list[Row]:
    answered = Row(
        what=f"{kind}: answered",
        ours=str(account),
        target="no 5xx, and no such status of gRPC",
        met=not account.has_faults,
    )
    rows = [answered]
    for name in names():
        ratio = quantile(found[name].seconds, 0.99) / quantile(quiet[name].seconds, 0.99)
        rows.append(
            Row(
                what=f"{kind}: {name}",
                ours=_p99(found[name]),
                baseline=_p99(quiet[name]),
                figure=f"{ratio:.1f}",
                target=f"p99 at most {RATIO_MAX:g} x quiet",
                met=ratio <= RATIO_MAX and not found[name].failures,
            )
        )
    return rows


def _p99(times: Times) -> str:
    median, p99 = (quantile(times.seconds, share) * 1000 for share in (0.5, 0.99))
    failures = "".join(f", {n} x {why}" for why, n in Counter(times.failures).items())
    return f"p99 {p99:.1f} ms, median {median:.1f}, {len(times.seconds)} calls{failures}"

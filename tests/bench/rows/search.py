"""How long a search over all products takes, against GetProduct; one caller, who waits."""

import random
import statistics
from collections.abc import Sequence

from emporium.order.v1 import catalog_service_pb2 as pb
from server.order.catalog.store.searching import RANKED_MAX
from tests.bench.budget import Budget
from tests.bench.compare import SPREAD_MAX, TRIES
from tests.bench.flood import latencies
from tests.bench.goods import GET, stocked
from tests.bench.http2 import Target
from tests.bench.report import Row
from tests.bench.stage import Stage

MEDIAN_MAX, P99_MAX = 5.0, 20.0
_LIST = "/emporium.order.v1.CatalogService/ListProducts"
_KINDS = ("as it is", "as it is", "as it is", "misspelt", "begun")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SHORTEST = 3  # letters of a word that is only begun

Rounds = list[list[float]]  # how long each call took, by round


async def measure(stage: Stage, budget: Budget) -> list[Row]:
    """Words of names at random: three fifths as they are, the others misspelt, or begun."""
    goods = await stocked(stage, budget.products, "_searched")
    signed_in = (("authorization", await stage.token("customer")),)
    pick = random.Random(1)
    count = budget.calls // 4
    queries = [
        query(pick, name, _KINDS[n % len(_KINDS)])
        for n, name in enumerate(pick.choices(goods.names, k=count))
    ]
    searches = [pb.ListProductsRequest(q=each).SerializeToString() for each in queries]
    gets = [
        pb.GetProductRequest(product_id=each).SerializeToString()
        for each in pick.choices(goods.ids, k=count)
    ]
    async with stage.service("order", DATABASE_URL=goods.database_url) as service:
        found, got = await _steady(
            Target(service.port, _LIST, signed_in),
            searches,
            Target(service.port, GET, signed_in),
            gets,
            budget.rounds,
        )
    what = f"search of {budget.products:,}, at most {RANKED_MAX:,} ranked / GetProduct"
    return [
        _row(f"{what}, median", found, got, 0.5, MEDIAN_MAX),
        _row(f"{what}, p99", found, got, 0.99, P99_MAX),
        *(
            Row(what=f"  {kind}", ours=f"{_kind_ms(found, kind):.2f} ms")
            for kind in dict.fromkeys(_KINDS)
        ),
    ]


def query(pick: random.Random, name: str, kind: str) -> str:
    """One to three words of `name`, of which one may be misspelt, or the last one only begun."""
    words = name.lower().split()
    words = pick.sample(words, pick.randint(1, min(3, len(words))))
    if kind == "begun":
        words[-1] = words[-1][: pick.randint(_SHORTEST, len(words[-1]))]
    elif kind == "misspelt":
        at = pick.randrange(len(words))
        words[at] = _misspelt(pick, words[at])
    return " ".join(words)


def _misspelt(pick: random.Random, word: str) -> str:
    """With another letter, one less, one more, or two exchanged."""
    at, letter = pick.randrange(1, len(word) - 1), pick.choice(_LETTERS)
    before, here, behind = word[:at], word[at], word[at + 1 :]
    ways = (letter, "", here + letter, behind[:1] + here)
    way = pick.choice(ways)
    return before + way + (behind[1:] if way == ways[-1] else behind)


async def _steady(
    search: Target,
    searches: Sequence[bytes],
    get: Target,
    gets: Sequence[bytes],
    rounds: int,
) -> tuple[Rounds, Rounds]:
    """Both in turns, after one of each to warm up; again while the rounds are too far apart."""
    await latencies(search, searches)
    await latencies(get, gets)
    tries: list[tuple[Rounds, Rounds]] = []
    while len(tries) < TRIES:
        found: Rounds = []
        got: Rounds = []
        for _ in range(rounds):
            found.append(await latencies(search, searches))
            got.append(await latencies(get, gets))
        tries.append((found, got))
        if max(_spread(found, 0.5), _spread(got, 0.5)) <= SPREAD_MAX:
            break
    return min(tries, key=lambda sides: max(_spread(side, 0.5) for side in sides))


def _row(what: str, found: Rounds, got: Rounds, share: float, most: float) -> Row:
    ours, theirs = _middle_ms(found, share), _middle_ms(got, share)
    return Row(
        what=what,
        ours=f"{ours:.2f} ms",
        baseline=f"{theirs:.2f} ms",
        figure=f"{ours / theirs:.1f}",
        spread=f"{_spread(found, share):.0%} / {_spread(got, share):.0%}",
        target=f"below {most:.0f}",
        met=ours < most * theirs,
    )


def _kind_ms(found: Rounds, kind: str) -> float:
    of_kind = [
        took for each in found for n, took in enumerate(each) if _KINDS[n % len(_KINDS)] == kind
    ]
    return statistics.median(of_kind) * 1e3


def _middle_ms(rounds: Rounds, share: float) -> float:
    return statistics.median(_quantile(each, share) for each in rounds) * 1e3


def _spread(rounds: Rounds, share: float) -> float:
    each = [_quantile(one, share) for one in rounds]
    return (max(each) - min(each)) / statistics.median(each)


def _quantile(took: Sequence[float], share: float) -> float:
    return sorted(took)[min(len(took) - 1, int(share * len(took)))]

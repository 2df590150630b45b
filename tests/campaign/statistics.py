"""The few statistics that campaigns need."""

import math
from collections.abc import Sequence
from itertools import chain

# Below this a difference so large would be found once in a thousand runs of equal things.
UNLIKELY = 0.001


def quantile(values: Sequence[float], share: float) -> float:
    """The least of `values` that at least `share` of them do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def rank_p_value(first: Sequence[float], second: Sequence[float]) -> float:
    """How likely two samples of one distribution would differ in rank as much as these, or more.

    The Mann-Whitney test, two-sided, with the normal approximation and no correction for ties: for
    samples of more than 20 and measured times, which have next to none.
    """
    n, m = len(first), len(second)
    u = _rank_sum(first, second) - n * (n + 1) / 2
    z = (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(abs(z) / math.sqrt(2))


def overlap(first: Sequence[float], second: Sequence[float]) -> float:
    """How often one of `first` is the larger when one of each is drawn; 0.5 says nothing."""
    n, m = len(first), len(second)
    return (_rank_sum(first, second) - n * (n + 1) / 2) / (n * m)


def _rank_sum(first: Sequence[float], second: Sequence[float]) -> float:
    """The sum of the ranks of `first` among all; equals share the mean of their ranks."""
    ordered = sorted(chain(first, second))
    ranks: dict[float, float] = {}
    start = 0
    while start < len(ordered):
        end = start
        while end < len(ordered) and ordered[end] == ordered[start]:
            end += 1
        ranks[ordered[start]] = (start + 1 + end) / 2
        start = end
    return sum(ranks[value] for value in first)

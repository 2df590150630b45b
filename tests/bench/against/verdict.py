"""Whether this checkout is slower than the other tree, and how sure that is."""

from tests.bench.compare import SPREAD_MAX, Comparison
from tests.bench.report import Row

SLOWER = 1.03  # times the other's CPU a call; less is no difference


def row_of(what: str, found: Comparison) -> Row:
    """The comparison in the table."""
    verdict = verdict_of(found.cost_ratio, found.noise)
    if found.spread > SPREAD_MAX:
        verdict += "; unsteady, run it again"
    return Row(
        what=what,
        ours=str(found.our_median),
        baseline=str(found.baseline_median),
        figure=f"CPU x {found.cost_ratio:.3f} ± {found.noise:.3f}",
        spread=" / ".join(f"{spread:.0%}" for spread in found.spreads),
        target=verdict,
        met=not verdict.startswith("slower"),
    )


def verdict_of(cost_ratio: float, noise: float) -> str:
    """`slower` is said only when the noise cannot explain it."""
    if cost_ratio - noise > SLOWER:
        return "slower"
    if cost_ratio > SLOWER:
        return "perhaps slower, within the noise"
    if cost_ratio + noise < 1 / SLOWER:
        return "faster"
    return "not slower"

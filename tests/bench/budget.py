"""How long the bench may take."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """How often things are measured, and for how long."""

    rounds: int  # of each comparison; the table shows the median
    calls: int  # of one run: about two seconds of a core
    many_users: int  # in the table that is called large


FULL = Budget(rounds=5, calls=6_000, many_users=1_000_000)
QUICK = Budget(rounds=3, calls=1_500, many_users=50_000)

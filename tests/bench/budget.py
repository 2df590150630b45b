"""How long the bench may take."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """How often things are measured, and for how long."""

    rounds: int  # of each comparison; the table shows the median
    calls: int  # of one run: about two seconds of a core
    many_users: int  # in the table that is called large

    # Of two trees that are compared. Differences are small there, so there are more rounds.
    turns: int
    users: int  # that ids are picked from
    orders: int


FULL = Budget(rounds=5, calls=6_000, many_users=1_000_000, turns=10, users=2_000, orders=2_000)
QUICK = Budget(rounds=3, calls=1_500, many_users=50_000, turns=6, users=400, orders=400)

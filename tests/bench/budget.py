"""How long the bench may take."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """How often things are measured, and for how long."""

    rounds: int  # of each comparison; the table shows the median
    calls: int  # of one run: about two seconds of a core
    many_users: int  # in the table that is called large
    listed_users: int  # in the table of which pages are read
    products: int  # that are searched
    past_orders: int  # that there are before others are placed
    paced_seconds: float  # of a run at a fixed rate

    # Of two trees that are compared. Differences are small there, so there are more rounds.
    turns: int
    users: int  # that ids are picked from
    orders: int


FULL = Budget(
    rounds=5,
    calls=6_000,
    many_users=1_000_000,
    listed_users=100_000,
    products=100_000,
    past_orders=1_000_000,
    paced_seconds=6.0,
    turns=10,
    users=2_000,
    orders=2_000,
)
QUICK = Budget(
    rounds=3,
    calls=1_500,
    many_users=50_000,
    listed_users=100_000,
    products=20_000,
    past_orders=50_000,
    paced_seconds=3.0,
    turns=6,
    users=400,
    orders=400,
)
# Whether a row can be run at all; its figures mean nothing.
SMALLEST = Budget(
    rounds=1,
    calls=120,
    many_users=1_000,
    listed_users=1_000,
    products=500,
    past_orders=500,
    paced_seconds=0.5,
    turns=2,
    users=50,
    orders=50,
)

"""What was compared, and what was found."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

BETWEEN_LOOKS_SECONDS = 0.25
"""What may be on its way is looked at again so much later."""


class Mend(StrEnum):
    """What becomes of what differs."""

    POSSIBLE = "--repair sets it right"
    DONE = "repaired"
    ASKED = "the provider is asked again"
    PERSON = "a person must decide"


class Drift(NamedTuple):
    """One thing that is not the same on both sides."""

    what: str  # the id of an order, a charge, a product or a promotion; or a currency and a day
    kind: str
    said: str
    mend: Mend = Mend.POSSIBLE

    def __str__(self) -> str:
        return f"{self.what}  {self.kind}  {self.said}; {self.mend}"


@dataclass
class Report:
    """What was compared, and what was found."""

    repairs: bool = False
    orders: int = 0
    days: int = 0
    payments: int = 0
    charges: int = 0  # of providers that were asked
    stocks: int = 0
    promotions: int = 0
    drifts: list[Drift] = field(default_factory=list)
    waiting: int = 0  # orders of which an event is still on its way
    unanswered: int = 0  # payments whose provider has yet to say what has become of them
    not_asked: dict[str, int] = field(default_factory=dict)  # payments, by their providers

    @property
    def lines(self) -> list[str]:
        """For a person."""
        return [
            *map(str, self.drifts),
            *(
                f"{count} payments are not compared with their provider: {name} has no address here"
                for name, count in self.not_asked.items()
            ),
            self._summary,
        ]

    @property
    def _summary(self) -> str:
        said = (
            f"{self.orders} orders, {self.days} days, {self.payments} payments,"
            f" {self.charges} charges, {self.stocks} stocks and {self.promotions} promotions"
            f" compared, {len(self.drifts)} differ"
        )
        for mend, count in sorted(Counter(each.mend for each in self.drifts).items()):
            said += f"; of {count}: {mend}"
        if self.waiting:
            said += f"; of {self.waiting} more orders an event is still on its way"
        if self.unanswered:
            said += f"; of {self.unanswered} more payments the provider has yet to answer"
        return said

"""What the order service asks of a payment provider."""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol


class ProviderSilent(Exception):
    """The provider cannot be reached, or its answer was lost: it may have done what was asked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider says of something that it was asked for."""

    is_done: bool
    is_over: bool = True  # False: it is not done yet, and not refused either
    reason: str = ""  # why it was refused


class PaymentProvider(Protocol):
    """Holds and moves money. It knows each thing that it is asked for by a key of ours.

    The same key again does nothing again, and gets the same answer. All raise `ProviderSilent`.
    """

    name: str

    async def charge(
        self, key: str, token: str, amount: Decimal, currency: str, *, captures: bool
    ) -> Answer:
        """Holds the amount, and takes it where that is wanted at once."""

    async def capture(self, key: str, charge: str, amount: Decimal) -> Answer:
        """Takes what was held, or a part of it, and lets the rest go."""

    async def void(self, key: str, charge: str) -> Answer:
        """Lets go what was held."""

    async def refund(self, key: str, charge: str, amount: Decimal) -> Answer:
        """Gives back what was taken, or a part of it."""

    async def find(self, key: str) -> Answer | None:
        """What has become of what was asked for by that key; None: it is not known."""

    async def abandon(self, key: str) -> Answer:
        """Sees to it that a charge of that key is never made, unless it was already.

        What has become of it then.
        """


@dataclass(frozen=True, slots=True)
class Charge:
    """A charge as the provider has it. `key` is ours: its payment's id."""

    key: str
    currency: str
    held: Decimal
    captured: Decimal
    refunded: Decimal

    @property
    def is_nothing(self) -> bool:
        """Whether nothing is held of it, and nothing was ever taken."""
        return not self.held and not self.captured


class ProviderBooks(Protocol):
    """What a provider says that it has, to compare. All raise `ProviderSilent`."""

    name: str

    def charges(self) -> AsyncIterator[Charge]:
        """All of them by rising keys, a page in memory."""

    async def those(self, keys: Collection[str]) -> Mapping[str, Charge]:
        """Those of the charges that there are."""

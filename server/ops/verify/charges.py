"""Whether our payments and the provider's charges are the same money."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

from server.kit import currencies, errors
from server.ops.verify.report import BETWEEN_LOOKS_SECONDS, Drift, Mend, Report
from server.order.neighbours.payments import Charge, ProviderBooks, ProviderSilent
from server.order.payments.rules import Status
from server.order.payments.store.facts import PaymentFact, PostgresPaymentFacts

_TOGETHER = 100  # looked at again at once
_STALE_AFTER = timedelta(hours=1)

_NEVER_CHARGED = frozenset({Status.PENDING, Status.DECLINED})
"""Of a payment in such a state the provider need not know."""

OPEN = "open"


class Charges:
    """Compares the payments of a provider with its `books`, and writes the `report`.

    Payments and charges are read in the order of the key that both have. What differs is looked at
    again while something of it is open: the two are never read at the same moment.
    """

    def __init__(
        self, payments: PostgresPaymentFacts, books: ProviderBooks, report: Report, looks_max: int
    ) -> None:
        self._payments = payments
        self._books = books
        self._report = report
        self._looks_max = looks_max

    async def compare(self) -> None:
        """All payments and all charges. Raises `Unavailable`."""
        suspects: list[str] = []
        try:
            async for fact, charge in self._pairs():
                self._report.charges += charge is not None
                if charge and not _can_be_ours(charge.key):
                    self._report.drifts += drifts(None, charge, _now())
                elif drifts(fact, charge, _now()):
                    suspects.append(fact.id if fact else charge.key if charge else "")
                if len(suspects) == _TOGETHER:
                    await self._look_again(suspects)
                    suspects = []
            await self._look_again(suspects)
        except ProviderSilent as silence:
            raise errors.Unavailable(
                f"the payment provider {self._books.name} cannot be asked: {silence}",
                retry_after_seconds=5.0,
            ) from silence

    async def _pairs(self) -> AsyncIterator[tuple[PaymentFact | None, Charge | None]]:
        facts, charges = self._payments.payments(self._books.name), self._books.charges()
        fact, charge = await anext(facts, None), await anext(charges, None)
        while fact or charge:
            # As text they have the order that they have as UUIDs: all are in lower case.
            here = fact.id if fact else None
            there = charge.key if charge else None
            is_first = there is None or (here is not None and here <= there)
            is_second = here is None or (there is not None and there <= here)
            yield fact if is_first else None, charge if is_second else None
            if is_first:
                fact = await anext(facts, None)
            if is_second:
                charge = await anext(charges, None)

    async def _look_again(self, keys: Sequence[str]) -> None:
        """Keeps what still differs once nothing is on its way any more."""
        if not keys:
            return
        stale = await self._stale(keys)
        if self._report.repairs:
            await self._payments.ask_again(keys, _now())
        left, moving = [*keys], set[str]()
        found: dict[str, list[Drift]] = {}
        for look in range(self._looks_max):
            if look:
                await asyncio.sleep(BETWEEN_LOOKS_SECONDS)
            before = await self._payments.those(left)
            charges = await self._books.those(left)
            after = await self._payments.those(left)
            found = {each: drifts(after.get(each), charges.get(each), _now()) for each in left}
            left = [each for each in left if found[each]]
            moving = {
                each
                for each in left
                if before.get(each) != after.get(each) or _is_open(after.get(each))
            }
            if not left or (look and not moving):
                break
        self._keep(stale, {each: found[each] for each in left}, moving)

    async def _stale(self, keys: Sequence[str]) -> dict[str, Drift]:
        """What a provider should have said long ago."""
        facts = await self._payments.those(keys)
        return {key: drift for key in keys if (drift := _stale(facts.get(key), _now()))}

    def _keep(
        self, stale: dict[str, Drift], found: dict[str, list[Drift]], moving: set[str]
    ) -> None:
        repairs = self._report.repairs
        for key, drift in stale.items():
            if key in moving:
                mend = Mend.ASKED if repairs else Mend.POSSIBLE
                self._report.drifts.append(drift._replace(mend=mend))
            elif repairs:  # the order service has asked, and is told
                self._report.drifts.append(drift._replace(mend=Mend.DONE))
        self._report.unanswered += len(moving.difference(stale))
        self._report.drifts += [
            drift for key, kept in found.items() if key not in moving for drift in kept
        ]


def drifts(fact: PaymentFact | None, charge: Charge | None, now: datetime) -> list[Drift]:
    """What of a payment its provider does not know, or knows otherwise; or the other way round."""
    if fact is None:
        return [_unknown(charge)] if charge and not charge.is_nothing else []
    found = [_missing(fact)] if charge is None else _unlike(fact, charge)
    return [drift for drift in (_stale(fact, now), *found) if drift]


def _unlike(fact: PaymentFact, charge: Charge) -> list[Drift]:
    pairs = {
        "held by provider": (fact.held_there, charge.held),
        "captured by provider": (fact.captured, charge.captured),
        "refunded by provider": (fact.refunded_there, charge.refunded),
    }
    found = {
        kind: tuple(f"{currencies.in_full(each, fact.currency):f}" for each in pair)
        for kind, pair in pairs.items()
        if pair[0] != pair[1]
    }
    if fact.currency != charge.currency:
        found["currency at provider"] = (fact.currency, charge.currency)
    return [
        Drift(fact.order_id, kind, f"{ours} of payment {fact.id} is {theirs} there", Mend.PERSON)
        for kind, (ours, theirs) in found.items()
    ]


def _missing(fact: PaymentFact) -> Drift | None:
    if fact.status in _NEVER_CHARGED:
        return None
    said = f"{fact.provider} does not know payment {fact.id}, which is {fact.status}"
    return Drift(fact.order_id, "missing charge", said, Mend.PERSON)


def _can_be_ours(key: str) -> bool:
    try:
        return str(uuid.UUID(key)) == key
    except ValueError:
        return False


def _unknown(charge: Charge) -> Drift:
    amounts = (charge.held, charge.captured, charge.refunded)
    held, captured, refunded = (currencies.in_full(each, charge.currency) for each in amounts)
    said = (
        f"of {held:f} {charge.currency} held, {captured:f} captured and {refunded:f} refunded"
        " there no payment is known"
    )
    return Drift(charge.key, "unknown charge", said, Mend.PERSON)


def _is_open(fact: PaymentFact | None) -> bool:
    return fact is not None and fact.open_since is not None


def _stale(fact: PaymentFact | None, now: datetime) -> Drift | None:
    if fact is None or fact.open_since is None or fact.open_since > now - _STALE_AFTER:
        return None
    said = f"what {fact.provider} was asked for payment {fact.id} is open since {fact.open_since}"
    return Drift(fact.order_id, OPEN, said)


def _now() -> datetime:
    return datetime.now(UTC)

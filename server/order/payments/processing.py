"""Asks the provider, and writes down its answer; and asks again where an answer was lost.

What is asked for is written down before, as an operation with a key that the provider knows it by.
So whatever dies in between, one of the two can tell: a charge is asked for once, by the call that
makes it, and afterwards the provider is only asked what has become of it. One that it never heard
of it is told to refuse, should it come yet.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import structlog
from uuid_utils import uuid7

from server.kit import errors
from server.order.neighbours.payments import Answer, PaymentProvider, ProviderSilent
from server.order.orders.rules import Order
from server.order.payments import rules
from server.order.payments.store import PaymentStore

_AGAIN = timedelta(seconds=5)
_UNKNOWN_PROVIDER = timedelta(hours=1)
_POLL_SECONDS = 0.05
_TOGETHER_MAX = 20
_NOTICES_KEPT = timedelta(days=30)

_log = structlog.get_logger()


class Processing:
    """The operations in `store`, at the `providers` by their names."""

    def __init__(
        self,
        store: PaymentStore,
        providers: Mapping[str, PaymentProvider],
        timeout_seconds: float,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._providers = providers
        self._timeout = timedelta(seconds=timeout_seconds)
        self._now = now

    @property
    def answered_by(self) -> timedelta:
        """After how long whoever has asked is answered, or has been given up."""
        return self._timeout + timedelta(seconds=2)

    @property
    def provider(self) -> str:
        """The name of the one that new payments are made with. Raises `Unavailable`."""
        for name in self._providers:
            return name
        raise errors.Unavailable("the shop has no payment provider", retry_after_seconds=60.0)

    async def perform(self, operation: rules.Operation, token: str = "") -> rules.Payment:
        """Asks for what was just written down, by `token` where it is a charge.

        Without an answer the payment stays in progress. Raises `PaymentRefused`, but for a charge.
        """
        try:
            answer = await self._asked(self._providers[operation.provider], operation, token)
        except ProviderSilent as silence:
            _log.warning("payments.silent", operation=operation.id, problem=str(silence))
            return await self._store.get(operation.payment_id, None)
        if not answer.is_over:
            return await self._store.get(operation.payment_id, None)
        payment = await self._settle(operation, answer)
        if not answer.is_done and operation.kind is not rules.Kind.CHARGE:
            raise rules.PaymentRefused(f"the provider has refused: {answer.reason}")
        return payment

    async def outcome(self, payment_id: str) -> rules.Payment:
        """The payment, once another call that is under way has its answer, or gives up."""
        while True:
            payment = await self._store.get(payment_id, None)
            if not payment.in_progress or self._now() >= payment.updated_at + self._timeout:
                return payment
            await asyncio.sleep(_POLL_SECONDS)

    async def work_off(self) -> int:
        """Finds out what has become of all operations that are due; how many there were."""
        total = 0
        while found := await self._store.due(self._now(), _TOGETHER_MAX):
            await asyncio.gather(*(self.resolve(each) for each in found))
            total += len(found)
        return total

    async def forget_notices(self) -> None:
        """Forgets those that are too old to come again."""
        await self._store.forget_notices(self._now() - _NOTICES_KEPT)

    async def resolve(self, operation: rules.Operation) -> None:
        """Asks what has become of an operation that is open, and sees to it that it gets there."""
        provider = self._providers.get(operation.provider)
        if provider is None:
            _log.error("payments.no_provider", operation=operation.id, name=operation.provider)
            await self._store.postpone(operation.id, self._now() + _UNKNOWN_PROVIDER)
            return
        try:
            answer = await provider.find(operation.id)
            if answer is None:
                answer = await self._again(provider, operation)
        except ProviderSilent as silence:
            _log.warning("payments.silent", operation=operation.id, problem=str(silence))
            answer = Answer(is_done=False, is_over=False)
        if answer.is_over:
            await self._settle(operation, answer)
            _log.info("payments.resolved", operation=operation.id, done=answer.is_done)
        else:
            await self._store.postpone(operation.id, self._now() + _AGAIN)

    async def _again(self, provider: PaymentProvider, operation: rules.Operation) -> Answer:
        """What the provider has never heard of: a charge is given up, all else is sent again."""
        if operation.kind is rules.Kind.CHARGE:
            return await provider.abandon(operation.id)
        return await self._asked(provider, operation, "")

    async def _asked(
        self, provider: PaymentProvider, operation: rules.Operation, token: str
    ) -> Answer:
        key, charge, amount = operation.id, operation.payment_id, operation.amount
        if operation.kind is rules.Kind.CHARGE:
            payment = await self._store.get(charge, None)
            return await provider.charge(
                key, token, amount, payment.currency, captures=payment.captures
            )
        if operation.kind is rules.Kind.CAPTURE:
            return await provider.capture(key, charge, amount)
        if operation.kind is rules.Kind.VOID:
            return await provider.void(key, charge)
        return await provider.refund(key, charge, amount)

    async def _settle(self, operation: rules.Operation, answer: Answer) -> rules.Payment:
        outcome, now = rules.Outcome(answer.is_done, answer.reason), self._now()

        def settle(order: Order, payment: rules.Payment, found: rules.Operation) -> rules.Step:
            return rules.settled(order, payment, found, outcome, _new_id, now)

        return await self._store.settle(operation.id, settle)


def _new_id() -> str:
    return str(uuid7())

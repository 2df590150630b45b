"""Stores new orders in PostgreSQL: concurrent ones by one statement."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import asyncpg

from server.kit.audit.trail import Trail, of_call
from server.kit.batching import Batcher
from server.kit.context import Key
from server.kit.errors import EmporiumError
from server.kit.outbox import append
from server.kit.postgres import Pool, translated
from server.kit.postgres.idempotency import answers, first_answer
from server.kit.postgres.transaction import UnitOfWork, transaction, write
from server.kit.postgres.writes import Write
from server.kit.turns import give_way
from server.order.orders.rules import (
    OffersChanged,
    OrderNumberTaken,
    Placed,
    claim_of,
    moves_stock,
    uses_of,
)
from server.order.orders.store import Belongings, Encode, Turn, rows
from server.order.pricing.rules import PromotionUsedByPerson, PromotionUsedUp, used_up
from server.order.stock.rules import OutOfStock

_TOGETHER_MAX = 64

# Of all orders in one statement: as many as one order may have. While a statement of many large
# ones is written the event loop stands still.
_LINES_MAX = 1_000

# A longer order is placed alone, beside the others: many of one caller would have all others wait.
_LINES_TOGETHER_MAX = 20

# Errors that one order among many may have caused.
_ONE_AT_FAULT = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError)

# Of triggers and constraints: migrations 0006, 0014, 0019 and 0026.
_NOT_ERASED = "orders_buyer_is_not_erased"
_ARE_SOLD = "order_items_products_are_active"
_NUMBER_IS_UNIQUE = "orders_number_is_unique"
_USED_UP = {
    "promotions_uses_are_left": PromotionUsedUp,
    "promotions_uses_of_a_person": PromotionUsedByPerson,
}


class _New(NamedTuple):
    placed: Placed
    key: Key | None
    answer: bytes
    trail: Trail  # the record of its call, which is committed with it
    turn: Turn | None = None  # which goes before all else


def _lines(new: _New) -> int:
    return len(new.placed.order.items)


def _locks(new: _New) -> bool:
    """Whether it may move a stock, has a code, or is made of something."""
    placed = new.placed
    return bool(moves_stock(placed.order) or placed.event.promotions or new.turn)


def _subject(new: _New) -> str | None:
    """Whom the answer is about, where the caller does not tell."""
    user_id = new.placed.order.user_id
    return user_id if new.key and user_id != new.key.caller else None


class Placing:
    """Stores orders as `OrderStore.create` specifies."""

    def __init__(
        self,
        pool: Pool,
        encode: Encode,
        wake: Callable[[], None],
        belongings: Belongings,
    ) -> None:
        self._pool = pool
        self._belongings = belongings
        self._encode = encode
        self._wake = wake
        bounds = (_TOGETHER_MAX, _lines, _LINES_MAX, _LINES_TOGETHER_MAX)
        self._batcher = Batcher(self._keep, *bounds)
        # Who has no code does not wait for those who want the last use of one.
        self._with_codes = Batcher(self._keep, *bounds)

    async def create(
        self, placed: Placed, key: Key | None, answer: bytes, turn: Turn | None
    ) -> bytes:
        """See `OrderStore.create`."""
        new = _New(placed, key, answer, of_call(wanted=True), turn)
        if turn:
            return await self._keep_alone(new)  # others would wait for its locks
        batcher = self._with_codes if placed.event.promotions else self._batcher
        return await batcher.do(new)

    async def _keep(self, batch: Sequence[_New]) -> Sequence[bytes | Exception]:
        if len(batch) == 1:
            return [await self._keep_alone(batch[0])]
        parts: Sequence[Sequence[_New]]
        with translated():
            try:
                refusals = await self._insert(batch)
            except asyncpg.LockNotAvailableError:
                # Halving would wait for the same lock in each step.
                parts = [[new] for new in batch]
            except _ONE_AT_FAULT:
                # Halving finds one order among 64 in six steps of two statements each.
                middle = len(batch) // 2
                parts = [batch[:middle], batch[middle:]]
            else:
                return await self._answered(batch, refusals)
        return [outcome for part in parts for outcome in await self._settled(part)]

    async def _answered(
        self, batch: Sequence[_New], refusals: Sequence[EmporiumError | None]
    ) -> Sequence[bytes | Exception]:
        """The outcomes of `batch`.

        Who was refused a code beside one who had it and then found no stock is asked for again.
        """
        outcomes: list[bytes | Exception] = []
        is_freed = any(isinstance(refused, OutOfStock) for refused in refusals)
        for new, refused in zip(batch, refusals, strict=True):
            if is_freed and isinstance(refused, PromotionUsedUp | PromotionUsedByPerson):
                outcomes += await self._settled([new])
            else:
                outcomes.append(refused or new.answer)
        return outcomes

    async def _settled(self, part: Sequence[_New]) -> Sequence[bytes | Exception]:
        try:
            return await self._keep(part)
        except Exception as error:  # noqa: BLE001 - raised in the calls that it belongs to
            return [error] * len(part)

    async def _keep_alone(self, new: _New) -> bytes:
        with translated():
            try:
                [refused] = await self._insert([new])
            except asyncpg.CheckViolationError as error:
                if error.constraint_name == _ARE_SOLD:
                    raise OffersChanged("a product was changed meanwhile; try again") from error
                if kind := _USED_UP.get(str(error.constraint_name)):
                    raise used_up(uses_of(new.placed.event), kind) from error
                if error.constraint_name != _NOT_ERASED:
                    raise
                raise new.placed.refused() from error
            except asyncpg.UniqueViolationError as error:
                if error.constraint_name == _NUMBER_IS_UNIQUE:
                    raise OrderNumberTaken("try again") from error
                first = await first_answer(self._pool, new.key) if new.key else None
                if first is None:
                    raise
                return first
        if refused:
            raise refused
        return new.answer

    async def _insert(self, batch: Sequence[_New]) -> Sequence[EmporiumError | None]:
        """Orders with all that belongs to them, in a transaction; gives for each why it is not.

        Where none of them locks anything, it is one statement.
        """
        if not any(map(_locks, batch)):
            await write(self._pool, await self._writes(batch))
            self._done(batch)
            return [None] * len(batch)

        async def work(unit: UnitOfWork) -> Sequence[EmporiumError | None]:
            turns = [await new.turn(unit) for new in batch if new.turn]
            # Locked first, so that what there is too little of is not written at all.
            refusals = await self._take(unit, batch)
            if placed := _placed(batch, refusals):
                for each in [*turns, *await self._writes(placed)]:
                    unit.write(each)
            return refusals

        refusals = await transaction(self._pool, work)
        self._done(_placed(batch, refusals))
        return refusals

    async def _take(
        self, unit: UnitOfWork, batch: Sequence[_New]
    ) -> Sequence[EmporiumError | None]:
        """Uses of promotions, and then stocks: that is the order of their locks."""
        refused: dict[str, EmporiumError | None] = {}
        wanted = [uses_of(new.placed.event) for new in batch if new.placed.event.promotions]
        if wanted:
            counted = await self._belongings.promotions.lock(unit, wanted)
            refused = {uses.order_id: counted.take(uses) for uses in wanted}
        events = [new.placed.event for new in batch if not refused.get(new.placed.order.id)]
        if claims := [claim_of(event) for event in events if moves_stock(event.order)]:
            found = await self._belongings.stocks.reserve(unit, claims)
            refused |= {
                str(claim.cause.order_id): why for claim, why in zip(claims, found, strict=True)
            }
        taken = [each for each in wanted if not refused[each.order_id]]
        self._belongings.promotions.write(unit, taken)
        return [refused.get(new.placed.order.id) for new in batch]

    async def _writes(self, batch: Sequence[_New]) -> list[Write]:
        lines = sum(map(_lines, batch))
        writes = rows.inserts([new.placed.order for new in batch])
        writes += rows.moves([new.placed.event for new in batch])
        await give_way(lines)
        if keyed := [(new.key, new.answer, _subject(new)) for new in batch if new.key]:
            writes.append(answers(keyed))
            await give_way(lines)
        events = [self._encode(new.placed.event, new.answer) for new in batch]
        await give_way(lines)
        writes.append(append(events))
        writes += self._belongings.payments.placed([new.placed for new in batch])
        writes += [record for new in batch if (record := new.trail.write())]
        return writes

    def _done(self, batch: Sequence[_New]) -> None:
        for new in batch:
            new.trail.committed(has_written=True)
        if batch:
            self._wake()


def _placed(batch: Sequence[_New], refusals: Sequence[EmporiumError | None]) -> list[_New]:
    return [new for new, refused in zip(batch, refusals, strict=True) if refused is None]

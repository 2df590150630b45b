"""Other stores are asked to erase until they have, and their receipts are kept."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from uuid_utils import uuid7

from server.kit import errors
from server.kit.outbox import Away, Event
from server.kit.receipts import Receipt
from server.user.personal_data.rules import Erasure
from server.user.personal_data.sending import ErasureDestination

NOW = datetime(2026, 5, 17, 12, tzinfo=UTC)
ERASED = "emporium.user.v1.UserErased"


@dataclass
class Receipts:
    """What `ErasureStore` has been told."""

    complete_of: dict[str, Receipt] = field(default_factory=dict)
    dies: bool = False

    async def get(self, user_id: str) -> Erasure:
        return Erasure(user_id, NOW, [self.complete_of[user_id]])

    async def done(self, user_ids: Collection[str], store: str) -> set[str]:
        return {each for each in user_ids if each in self.complete_of}

    async def complete(self, user_id: str, receipt: Receipt) -> None:
        if self.dies:
            raise ConnectionResetError
        self.complete_of[user_id] = receipt


@dataclass
class Other:
    """A store that erases a person once, and gives the same receipt ever after."""

    store: str = "order/postgres"
    asked: list[str] = field(default_factory=list)
    erased: dict[str, Receipt] = field(default_factory=dict)
    failure: Exception | None = None
    seconds: float = 0.0
    clock: float = 0.0

    async def erase(self, user_id: str, erased_at: datetime) -> Receipt:
        self.asked.append(user_id)
        self.clock += self.seconds
        if self.failure:
            raise self.failure
        receipt = Receipt(self.store, {"orders": 3}, erased_at)
        return self.erased.setdefault(user_id, receipt)


def event(kind: str = ERASED) -> Event:
    user_id = str(uuid.uuid4())
    return Event(str(uuid7()), "user", user_id, 2, kind, b"", NOW)


def destination(other: Other, receipts: Receipts) -> ErasureDestination:
    return ErasureDestination("order", other, receipts, ERASED, clock=lambda: other.clock)


async def test_erasures_are_told_and_nothing_else_is() -> None:
    """What a neighbour need not know of people, it does not hear."""
    other, receipts, erased = Other(), Receipts(), event()
    await destination(other, receipts).send([event("emporium.user.v1.UserCreated"), erased])
    assert other.asked == [erased.aggregate_id]
    assert receipts.complete_of[erased.aggregate_id].erased == {"orders": 3}


async def test_whoever_dies_before_the_receipt_is_kept_is_given_it_again() -> None:
    other, receipts, erased = Other(), Receipts(dies=True), event()
    with pytest.raises(ConnectionResetError):
        await destination(other, receipts).send([erased])
    receipts.dies = False
    await destination(other, receipts).send([erased])
    assert receipts.complete_of == other.erased
    await destination(other, receipts).send([erased])
    assert len(other.asked) == 2, "whoever is done is not asked again"


@pytest.mark.parametrize(
    "failure",
    [errors.Unavailable("away"), errors.DeadlineExceeded("slow"), errors.Conflict("again")],
)
async def test_a_store_that_cannot_be_reached_is_waited_for(failure: Exception) -> None:
    other, receipts = Other(failure=failure), Receipts()
    with pytest.raises(Away, match="order/postgres"):
        await destination(other, receipts).send([event()])
    assert receipts.complete_of == {}


async def test_a_defect_of_the_store_is_the_events_own() -> None:
    """So that it becomes a dead letter, and others go on."""
    other = Other(failure=ValueError("no such column"))
    with pytest.raises(ValueError, match="column"):
        await destination(other, Receipts()).send([event()])


async def test_many_take_several_attempts_each_of_bounded_time() -> None:
    other, receipts, events = Other(seconds=1.5), Receipts(), [event() for _ in range(7)]
    sending, attempts = destination(other, receipts), 0
    for _ in range(5):
        attempts += 1
        try:
            await sending.send(events)
        except Away:
            continue
        break
    assert attempts == 3
    assert other.asked == [each.aggregate_id for each in events]

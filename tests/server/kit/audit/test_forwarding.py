"""Records wait until they have arrived."""

from collections.abc import Collection, Sequence

import pytest
from prometheus_client import CollectorRegistry

from server.kit import errors
from server.kit.audit.forwarding import BATCH_MAX, Forwarding
from server.kit.audit.record import AuditRecord
from server.kit.audit.wire import from_bytes, to_bytes
from tests.server.kit.audit.records import record
from tests.server.kit.conftest import Lines


class Memory:
    """Records that wait."""

    def __init__(self, count: int) -> None:
        self.records = [record(n) for n in range(count)]
        self.aside: dict[str, AuditRecord] = {}  # by why they were refused

    async def first(self, count_max: int) -> Sequence[AuditRecord]:
        return self.records[:count_max]

    async def forget(self, record_ids: Collection[str]) -> None:
        self.records = [each for each in self.records if each.id not in record_ids]

    async def set_aside(self, record: AuditRecord, error: str) -> None:
        await self.forget([record.id])
        self.aside[error] = record

    async def take_up(self) -> None:
        self.records += self.aside.values()
        self.aside.clear()


class Keeper:
    """Keeps what it is given, but for what it refuses."""

    def __init__(self) -> None:
        self.kept: list[AuditRecord] = []
        self.refuses: set[str] = set()
        self.goes_away_at: set[str] = set()
        self.loses_answers = False

    async def keep(self, records: Sequence[AuditRecord]) -> None:
        if any(each.id in self.refuses for each in records):
            raise errors.Invalid("no such moment")
        if any(each.id in self.goes_away_at for each in records):
            raise errors.Unavailable("the user service: nobody answers")
        self.kept += records
        if self.loses_answers:
            raise errors.Unavailable("the user service: nobody answers")


async def test_all_that_waits_is_sent() -> None:
    waiting, keeper = Memory(2 * BATCH_MAX + 1), Keeper()
    everything = [*waiting.records]
    await Forwarding(waiting, keeper).forward()
    assert (keeper.kept, waiting.records) == (everything, [])


async def test_what_nobody_acknowledged_is_sent_again() -> None:
    waiting, keeper = Memory(3), Keeper()
    everything = [*waiting.records]
    keeper.loses_answers = True
    with pytest.raises(errors.Unavailable):
        await Forwarding(waiting, keeper).forward()
    assert waiting.records == everything
    keeper.loses_answers = False
    await Forwarding(waiting, keeper).forward()
    assert (keeper.kept, waiting.records) == (everything * 2, [])


async def test_one_that_is_refused_for_good_holds_back_no_other(lines: Lines) -> None:
    waiting, keeper = Memory(9), Keeper()
    bad, *_ = waiting.records
    others = waiting.records[1:]
    keeper.refuses = {bad.id}
    await Forwarding(waiting, keeper).forward()
    assert (keeper.kept, waiting.records) == (others, [])
    [line] = lines
    assert (line["event"], line["id"], line["actor"]) == ("audit.refused", bad.id, bad.actor_id)
    assert bad.address not in str(line)
    assert waiting.aside == {"no such moment": bad.without_origin()}


async def test_one_that_was_refused_is_sent_again_by_the_next_process_and_not_before() -> None:
    waiting, keeper, registry = Memory(3), Keeper(), CollectorRegistry()
    bad, *_ = waiting.records
    keeper.refuses = {bad.id}
    first = Forwarding(waiting, keeper, registry)
    await first.forward()
    keeper.refuses.clear()
    await first.forward()
    assert bad.without_origin() not in keeper.kept
    assert registry.get_sample_value("audit_refused_total") == 1
    await Forwarding(waiting, keeper, registry).forward()
    assert (keeper.kept[-1], waiting.records, waiting.aside) == (bad.without_origin(), [], {})


async def test_what_was_set_aside_is_not_lost_with_what_has_arrived() -> None:
    """The user service goes away while the halves of a batch are sent."""
    waiting, keeper = Memory(4), Keeper()
    _, bad, *others = waiting.records
    keeper.refuses, keeper.goes_away_at = {bad.id}, {each.id for each in others}
    with pytest.raises(errors.Unavailable):
        await Forwarding(waiting, keeper).forward()
    assert waiting.records == others
    assert [*waiting.aside.values()] == [bad.without_origin()]


def test_a_record_waits_as_it_is() -> None:
    for each in (record(), record(actor_role=None, actor_id="", count=7)):
        assert from_bytes(to_bytes(each)) == each

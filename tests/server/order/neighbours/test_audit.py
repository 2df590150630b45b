"""Audit records on their way to the user service."""

import grpc
import pytest

from server.order.neighbours.audit import AuditKeeper
from tests.server.audit_door import ANSWERS, taken
from tests.server.kit.audit.records import record


async def test_they_are_sent_whole() -> None:
    [event] = await taken(AuditKeeper)
    assert (event.count, event.address) == (7, record().address)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.name)
async def test_only_a_record_that_is_wrong_is_refused_for_good(answer: grpc.StatusCode) -> None:
    with pytest.raises(ANSWERS[answer]):
        await taken(AuditKeeper, answer)

"""Records of the calls that erase."""

from datetime import UTC, datetime

import pytest

from emporium.order.v1 import personal_data_service_pb2 as held_pb
from server.kit.audit.writer import AuditWriter
from server.kit.context import Role
from server.kit.postgres import Pool
from server.kit.wire import timestamp
from server.order.audit.store import PostgresWaiting
from tests.server.conftest import Token
from tests.server.order.doors import Door
from tests.server.refusals import refused

WHEN = timestamp(datetime(2026, 5, 17, 12, tzinfo=UTC))


@pytest.fixture
def user_service(anyone: Door, token: Token) -> Door:
    return Door(anyone.channel, token("SERVICE", "user"))


def erase(user_id: str) -> held_pb.EraseBuyerRequest:
    return held_pb.EraseBuyerRequest(user_id=user_id, erased_at=WHEN)


async def test_an_erasure_leaves_a_record_that_commits_with_the_tombstone(
    ann: Door, user_service: Door, order_pool: Pool
) -> None:
    await user_service("EraseBuyer", erase(ann.user_id))
    waiting = await PostgresWaiting(order_pool).first(100_000)  # nobody has gathered any
    [kept] = [each for each in waiting if each.subject_id == ann.user_id]
    assert (kept.actor_id, kept.actor_role, kept.outcome) == ("service:user", Role.SERVICE, "OK")
    assert kept.action == "emporium.order.v1.PersonalDataService/EraseBuyer"


async def test_an_erasure_that_is_refused_leaves_one_too(
    ann: Door, anyone: Door, token: Token, order_pool: Pool, audit: AuditWriter
) -> None:
    analytics = Door(anyone.channel, token("SERVICE", "analytics"))
    await refused(analytics("EraseBuyer", erase(ann.user_id)))
    await audit.flush()
    waiting = await PostgresWaiting(order_pool).first(100_000)
    [kept] = [each for each in waiting if each.actor_id == "service:analytics"]
    assert (kept.action.rpartition("/")[2], kept.outcome) == ("EraseBuyer", "PERMISSION_DENIED")

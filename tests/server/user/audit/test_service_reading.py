"""The audit log through the user service's gRPC door: reading it, and records of other services."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from emporium.type.v1.audit_event_pb2 import AuditEvent
from emporium.type.v1.role_pb2 import SERVICE
from emporium.user.v1 import audit_service_pb2 as pb
from emporium.user.v1 import user_service_pb2 as users
from server.kit.context import Role
from server.kit.postgres import Pool
from server.kit.wire import timestamp
from server.user.logins.provisioning import create_admin
from tests.server.conftest import Token
from tests.server.refusals import refused
from tests.server.user.audit.conftest import Log
from tests.server.user.conftest import SignedIn
from tests.server.user.doors import PASSWORD, Door, create, new_email


async def test_services_send_records_and_send_them_again(
    anyone: Door, log: Log, token: Token
) -> None:
    order = anyone.with_token(token("SERVICE", "order"), "")
    event = of_order(
        actor_id="service:analytics", actor_role=SERVICE, resource="/api/v1/orders/x", count=3
    )
    for _ in range(2):
        await order("RecordAuditEvents", pb.RecordAuditEventsRequest(audit_events=[event]))
    assert await log.one(subject=event.subject_id) == event


def of_order(first: timedelta = timedelta(), last: timedelta | None = None, **fields: Any) -> Any:
    """A record of the order service's, of a call that ended so long from now."""
    made: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "service": "order",
        "action": "emporium.order.v1.OrderService/GetOrder",
        "subject_id": str(uuid.uuid4()),
        "outcome": "OK",
        "count": 1,
        "first_at": timestamp(datetime.now(UTC) + first),
        "last_at": timestamp(datetime.now(UTC) + (first if last is None else last)),
    }
    return AuditEvent(**made | fields)


LATE_MAX, EARLY_MAX = timedelta(days=30), timedelta(minutes=1)
SOME = timedelta(seconds=30)  # longer than a call takes on a busy machine

# What the order service's key does not vouch for, by what is refused.
# Made in the test: times that were to come when the suite began are past when it ends.
OF_NO_CALL_OF_ITS_OWN: dict[str, tuple[str, Callable[[], AuditEvent]]] = {
    "another service's": ("service", lambda: of_order(service="analytics")),
    "the user service's": ("service", lambda: of_order(service="user")),
    "of another service's rpc": (
        "action",
        lambda: of_order(action="emporium.user.v1.AuthService/Login"),
    ),
    "too old": ("first_at", lambda: of_order(-LATE_MAX - SOME)),
    "of the first year": (
        "first_at",
        lambda: of_order(first_at=Timestamp(seconds=-62_135_596_800)),
    ),
    "yet to begin": ("first_at", lambda: of_order(EARLY_MAX + 20 * SOME)),
    "yet to end": ("last_at", lambda: of_order(last=EARLY_MAX + 20 * SOME)),
    "of the last year": ("last_at", lambda: of_order(last_at=Timestamp(seconds=253_402_300_799))),
    "that ended before it began": ("last_at", lambda: of_order(last=-SOME)),
}


@pytest.mark.parametrize("name", OF_NO_CALL_OF_ITS_OWN)
async def test_a_service_tells_of_its_own_calls_of_late_and_of_nothing_else(
    anyone: Door, log: Log, token: Token, name: str
) -> None:
    order = anyone.with_token(token("SERVICE", "order"), "")
    field, made = OF_NO_CALL_OF_ITS_OWN[name]
    wrong = made()
    good = of_order(subject_id=wrong.subject_id)
    request = pb.RecordAuditEventsRequest(audit_events=[good, wrong])
    answer = await refused(order("RecordAuditEvents", request))
    assert (answer.reason, answer.fields) == ("VALIDATION_FAILED", [f"audit_events[1].{field}"])
    assert not await log(subject=wrong.subject_id), "all or none"


async def test_what_was_long_on_its_way_is_taken(anyone: Door, log: Log, token: Token) -> None:
    order = anyone.with_token(token("SERVICE", "order"), "")
    event = of_order(-LATE_MAX + 20 * SOME, timedelta())
    await order("RecordAuditEvents", pb.RecordAuditEventsRequest(audit_events=[event]))
    assert await log.one(subject=event.subject_id) == event


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.STAFF, Role.ADMIN])
async def test_nobody_else_sends_records(signed_in: SignedIn, role: Role) -> None:
    caller = await signed_in(role)
    request = pb.RecordAuditEventsRequest(audit_events=[AuditEvent()])
    assert (await refused(caller("RecordAuditEvents", request))).reason == "PERMISSION_DENIED"


@pytest.mark.parametrize("role", [Role.CUSTOMER, Role.STAFF])
async def test_admins_alone_read_the_log(signed_in: SignedIn, role: Role) -> None:
    caller = await signed_in(role)
    answer = await refused(caller("ListAuditEvents", pb.ListAuditEventsRequest()))
    assert answer.reason == "PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("subject", "me"),
        ("outcome", "fine"),
        ("created_after", "yesterday"),
        ("actor", "me"),
        ("actor", "service:"),
        ("actor", "service:tea"),
        ("actor", "operator "),
        ("action", "Login"),
        ("action", "emporium.user.v1.AuthService"),
        ("action", "emporium.user.v1.AuthService/Logon"),
        ("action", "emporium.user.v1.AuthService.Login"),
    ],
)
async def test_a_filter_is_one_of_its_forms(admin_door: Door, field: str, value: str) -> None:
    filters: dict[str, Any] = {field: value}
    request = pb.ListAuditEventsRequest(**filters)
    refusal = await refused(admin_door("ListAuditEvents", request))
    assert (refusal.reason, refusal.fields) == ("INVALID_FILTER", [field])


async def test_who_names_no_caller_is_told_who_there_is(admin_door: Door) -> None:
    refusal = await refused(admin_door("ListAuditEvents", pb.ListAuditEventsRequest(actor="me")))
    assert refusal.message == (
        "must be the id of an account, or one of service:analytics, service:order, service:user,"
        " operator"
    )


@pytest.mark.parametrize("actor", ["operator", "OPERATOR", "service:order", str(uuid.uuid4())])
async def test_every_kind_of_caller_can_be_asked_for(log: Log, actor: str) -> None:
    assert {each.actor_id for each in await log(actor=actor)} <= {actor.lower()}


async def test_what_the_operator_did_is_found(user_pool: Pool, log: Log) -> None:
    made = await create_admin(user_pool, new_email(), "Ada Admin", PASSWORD, cost=4)
    kept = await log(actor="operator")
    assert made in {each.subject_id for each in kept}


async def test_pages_go_on_where_the_last_one_ended(
    anyone: Door, admin_door: Door, log: Log
) -> None:
    user = await anyone("CreateUser", create())
    for _ in range(3):
        await admin_door("SuspendUser", users.SuspendUserRequest(user_id=user.id))
        await admin_door("ReinstateUser", users.ReinstateUserRequest(user_id=user.id))
    everything = [each.id for each in await log(subject=user.id)]
    found: list[str] = []
    request = pb.ListAuditEventsRequest(subject=user.id, per_page=2)
    while True:
        page = await admin_door("ListAuditEvents", request)
        found += [each.id for each in page.audit_events]
        if not page.meta.next_page_token:
            break
        request.page_token = page.meta.next_page_token
    assert found == everything
    assert len(found) == 7

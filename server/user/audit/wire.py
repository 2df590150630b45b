"""Records of the audit log between Protobuf and dataclasses. No logic."""

from collections.abc import Sequence
from uuid import UUID

from emporium.errors.v1.error_reason_pb2 import ErrorReason
from emporium.type.v1 import audit_event_pb2, role_pb2
from emporium.user.v1 import audit_service_pb2 as pb
from server.kit import errors
from server.kit.audit.record import OK, AuditRecord
from server.kit.context import Role
from server.kit.listing.filters import moment
from server.kit.listing.paging import Page, PageQuery, page_meta
from server.kit.wire import moment as moment_of
from server.kit.wire import timestamp
from server.user.audit.rules import Filters

_ROLES = {Role(name): number for name, number in role_pb2.Role.items() if number}
_ROLES_BY_NUMBER = {number: role for role, number in _ROLES.items()}


def to_list(query: PageQuery, page: Page[AuditRecord]) -> pb.ListAuditEventsResponse:
    """A page of records on the wire."""
    return pb.ListAuditEventsResponse(
        audit_events=[_to_event(each) for each in page.rows], meta=page_meta(query, page)
    )


def from_list(request: pb.ListAuditEventsRequest) -> Filters:
    """Which records the caller asks for. Raises `InvalidFilter`."""
    return Filters(
        actor=request.actor.lower() or None,
        subject=_account(request.subject, "subject"),
        action=request.action or None,
        outcome=_outcome(request.outcome, "outcome"),
        created_after=moment(request.created_after, "created_after"),
        created_before=moment(request.created_before, "created_before"),
    )


def from_record(request: pb.RecordAuditEventsRequest) -> Sequence[AuditRecord]:
    """The records that a service sends. Raises `Invalid` for a moment out of range."""
    return [_from_event(each, n) for n, each in enumerate(request.audit_events)]


def _account(text: str, field: str) -> str | None:
    if not text:
        return None
    try:
        return str(UUID(text))
    except ValueError as error:
        raise errors.InvalidFilter("must be the id of an account", field=field) from error


def _outcome(text: str, field: str) -> str | None:
    outcome = text.upper() if text.isascii() else text
    if outcome and outcome != OK and outcome not in ErrorReason.keys():  # noqa: SIM118 - no mapping
        raise errors.InvalidFilter("must be ok, or the reason of an error", field=field)
    return outcome or None


def _to_event(record: AuditRecord) -> audit_event_pb2.AuditEvent:
    return audit_event_pb2.AuditEvent(
        id=record.id,
        service=record.service,
        action=record.action,
        actor_id=record.actor_id,
        actor_role=_ROLES[record.actor_role] if record.actor_role else None,
        subject_id=record.subject_id,
        resource=record.resource,
        request_id=record.request_id,
        outcome=record.outcome,
        count=record.count,
        first_at=timestamp(record.first_at),
        last_at=timestamp(record.last_at),
        address=record.address,
        device=record.device,
    )


def _from_event(event: audit_event_pb2.AuditEvent, n: int) -> AuditRecord:
    return AuditRecord(
        id=event.id.lower(),
        service=event.service,
        action=event.action,
        actor_id=event.actor_id,
        actor_role=_ROLES_BY_NUMBER[event.actor_role] if event.HasField("actor_role") else None,
        subject_id=event.subject_id.lower(),
        resource=event.resource,
        request_id=event.request_id,
        outcome=event.outcome,
        first_at=moment_of(event.first_at, f"audit_events[{n}].first_at"),
        last_at=moment_of(event.last_at, f"audit_events[{n}].last_at"),
        address=event.address,
        device=event.device,
        count=event.count,
    )

"""Records between dataclasses and the contract's messages. No logic."""

from emporium.type.v1 import role_pb2
from emporium.type.v1.audit_event_pb2 import AuditEvent
from server.kit.audit.record import AuditRecord
from server.kit.context import Role
from server.kit.wire import moment, timestamp

_ROLES = {Role(name): number for name, number in role_pb2.Role.items() if number}
_ROLES_BY_NUMBER = {number: role for role, number in _ROLES.items()}


def to_event(record: AuditRecord) -> AuditEvent:
    """A record on the wire."""
    return AuditEvent(
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


def from_event(event: AuditEvent, field: str = "audit_event") -> AuditRecord:
    """The record that a message holds. Raises `Invalid`, naming `field`, for no moment of ours."""
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
        first_at=moment(event.first_at, f"{field}.first_at"),
        last_at=moment(event.last_at, f"{field}.last_at"),
        address=event.address,
        device=event.device,
        count=event.count,
    )


def to_bytes(record: AuditRecord) -> bytes:
    """A record as it waits in a database."""
    return to_event(record).SerializeToString()


def from_bytes(waiting: bytes) -> AuditRecord:
    """The record that `to_bytes` made them of."""
    return from_event(AuditEvent.FromString(waiting))

"""Records of the audit log between Protobuf and dataclasses. No logic."""

from collections.abc import Sequence
from uuid import UUID

from emporium.errors.v1.error_reason_pb2 import ErrorReason
from emporium.user.v1 import audit_service_pb2 as pb
from server.kit import descriptors, errors
from server.kit.audit.record import OK, AuditRecord
from server.kit.audit.wire import from_event, to_event
from server.kit.context import OPERATOR
from server.kit.listing.filters import moment
from server.kit.listing.paging import Page, PageQuery, page_meta
from server.user.audit.rules import Filters


def to_list(query: PageQuery, page: Page[AuditRecord]) -> pb.ListAuditEventsResponse:
    """A page of records on the wire."""
    return pb.ListAuditEventsResponse(
        audit_events=[to_event(each) for each in page.rows], meta=page_meta(query, page)
    )


def from_list(request: pb.ListAuditEventsRequest) -> Filters:
    """Which records the caller asks for. Raises `InvalidFilter`."""
    return Filters(
        actor=_actor(request.actor, "actor"),
        subject=_account(request.subject, "subject"),
        action=_action(request.action, "action"),
        outcome=_outcome(request.outcome, "outcome"),
        created_after=moment(request.created_after, "created_after"),
        created_before=moment(request.created_before, "created_before"),
    )


def from_record(request: pb.RecordAuditEventsRequest) -> Sequence[AuditRecord]:
    """The records that a service sends. Raises `Invalid` for a moment out of range."""
    return [from_event(each, f"audit_events[{n}]") for n, each in enumerate(request.audit_events)]


def _actor(text: str, field: str) -> str | None:
    services = sorted({f"service:{rpc.split('.')[1]}" for rpc in descriptors.rpcs()})
    actor = text.lower()
    if actor in ("", OPERATOR, *services):
        return actor or None
    others = ", ".join([*services, OPERATOR])
    return _account(text, field, f"must be the id of an account, or one of {others}")


def _account(text: str, field: str, must_be: str = "must be the id of an account") -> str | None:
    if not text:
        return None
    try:
        return str(UUID(text))
    except ValueError as error:
        raise errors.InvalidFilter(must_be, field=field) from error


def _action(text: str, field: str) -> str | None:
    if text and text not in descriptors.rpcs():
        raise errors.InvalidFilter(
            "must be an rpc, such as emporium.user.v1.AuthService/Login", field=field
        )
    return text or None


def _outcome(text: str, field: str) -> str | None:
    outcome = text.upper() if text.isascii() else text
    if outcome and outcome != OK and outcome not in ErrorReason.keys():  # noqa: SIM118 - no mapping
        raise errors.InvalidFilter("must be ok, or the reason of an error", field=field)
    return outcome or None

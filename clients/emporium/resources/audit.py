"""The audit log."""

from collections.abc import Iterable
from typing import Unpack

from emporium.connection import Connection
from emporium.paging import Listing, Page, PageOptions
from emporium.type.v1.audit_event_pb2 import AuditEvent
from emporium.user.v1.audit_service_pb2 import ListAuditEventsRequest, RecordAuditEventsRequest
from emporium.user.v1.audit_service_pb2_grpc import AuditServiceStub
from emporium.values import Moment, query


class AuditFilters(PageOptions, total=False):
    """The arguments of `audit.list`. Sorts by `first_at`, descending by default."""

    actor: str
    """Only what this caller did: an account's id, `service:` and a name, or `operator`."""
    subject: str
    """Only what was done to this account; its id."""
    action: str
    """Only calls of this rpc, such as `emporium.user.v1.AuthService/Login`."""
    outcome: str
    """Only calls that ended so: `ok`, or a reason such as `bad_credentials`."""
    created_after: Moment
    """Only records that began at this moment or later."""
    created_before: Moment
    """Only records that began before this moment."""


class Audit:
    """`shop.audit`: who did what to whom, in all services."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = AuditServiceStub(connection.channel)

    def list(self, **filters: Unpack[AuditFilters]) -> Listing[AuditEvent]:
        """Lists records, newest first unless `sort` says otherwise; for admins.

        Reading it raises `InvalidRequest` (UNKNOWN_SORT_FIELD, INVALID_FILTER, INVALID_PAGE_TOKEN).
        """
        timeout_seconds = filters.get("timeout_seconds")

        async def fetch(request: ListAuditEventsRequest) -> Page[AuditEvent]:
            call = self._stub.ListAuditEvents
            answer = await self._connection.call(call, request, timeout_seconds)
            return Page(answer.audit_events, answer.meta)

        return Listing(ListAuditEventsRequest(**query(filters)), fetch)

    async def record(
        self, events: Iterable[AuditEvent], *, timeout_seconds: float | None = None
    ) -> None:
        """Adds 1 to 500 records, all or none. For services.

        Each is kept once, by its id, however often it is sent. Raises `InvalidRequest` naming a
        record that can never be kept, `Unavailable`.
        """
        request = RecordAuditEventsRequest(audit_events=events)
        await self._connection.call(self._stub.RecordAuditEvents, request, timeout_seconds)

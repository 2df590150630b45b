"""The audit log: each method converts the request and calls the store."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from emporium.user.v1 import audit_service_pb2 as pb
from server.kit.context import Context
from server.kit.listing.paging import Sort, page_query
from server.kit.listing.tokens import PageTokens
from server.user.audit import rules, wire
from server.user.audit.store import SORTABLE, AuditStore

_NEWEST_FIRST = Sort("first_at", descending=True)
_now = partial(datetime.now, UTC)


class AuditService:
    """`emporium.user.v1.AuditService`."""

    def __init__(
        self, store: AuditStore, tokens: PageTokens, now: Callable[[], datetime] = _now
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._now = now

    async def ListAuditEvents(
        self, request: pb.ListAuditEventsRequest, context: Context
    ) -> pb.ListAuditEventsResponse:
        filters = wire.from_list(request)
        query = page_query(
            request, self._tokens, sortable=SORTABLE, default=_NEWEST_FIRST, filters=filters
        )
        return wire.to_list(query, await self._store.list(filters, query))

    async def RecordAuditEvents(
        self, request: pb.RecordAuditEventsRequest, context: Context
    ) -> pb.RecordAuditEventsResponse:
        records, now = wire.from_record(request), self._now()
        for n, each in enumerate(records):
            field = f"audit_events[{n}]"
            rules.check_own(each.service, each.action, context.signed_in.id, field)
            rules.check_moments(each.first_at, each.last_at, now, field)
        await self._store.append(records)
        return pb.RecordAuditEventsResponse()

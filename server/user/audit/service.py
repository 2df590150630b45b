"""The audit log: each method converts the request and calls the store."""

from emporium.user.v1 import audit_service_pb2 as pb
from server.kit.context import Context
from server.kit.listing.paging import Sort, page_query
from server.kit.listing.tokens import PageTokens
from server.user.audit import wire
from server.user.audit.store import SORTABLE, AuditStore

_NEWEST_FIRST = Sort("first_at", descending=True)


class AuditService:
    """`emporium.user.v1.AuditService`."""

    def __init__(self, store: AuditStore, tokens: PageTokens) -> None:
        self._store = store
        self._tokens = tokens

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
        await self._store.append(wire.from_record(request))
        return pb.RecordAuditEventsResponse()

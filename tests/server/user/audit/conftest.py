"""The audit log, as an admin reads it."""

from collections.abc import Sequence
from typing import Any

import pytest

from emporium.type.v1.audit_event_pb2 import AuditEvent
from emporium.user.v1 import audit_service_pb2 as pb
from server.kit.audit.writer import AuditWriter
from tests.server.user.doors import Door


class Log:
    """The audit log, as an admin reads it."""

    def __init__(self, admin: Door, writer: AuditWriter) -> None:
        self._admin = admin
        self._writer = writer

    async def __call__(self, **filters: Any) -> Sequence[AuditEvent]:
        await self._writer.flush()
        request = pb.ListAuditEventsRequest(per_page=100, **filters)
        answer: pb.ListAuditEventsResponse = await self._admin("ListAuditEvents", request)
        return answer.audit_events

    async def one(self, **filters: Any) -> AuditEvent:
        [event] = await self(**filters)
        return event


@pytest.fixture
def log(admin_door: Door, audit: AuditWriter) -> Log:
    return Log(admin_door, audit)

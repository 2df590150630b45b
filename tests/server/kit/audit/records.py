"""Records to test with."""

from datetime import UTC, datetime, timedelta
from typing import Any

from uuid_utils import uuid7

from server.kit.audit.record import AuditRecord
from server.kit.context import Role

NOON = datetime(2026, 5, 17, 12, tzinfo=UTC)


def record(second: int = 0, **fields: Any) -> AuditRecord:
    """Of a refused call, so many seconds after noon."""
    made: dict[str, Any] = {
        "id": str(uuid7()),
        "service": "user",
        "action": "emporium.user.v1.UserService/GetUser",
        "actor_id": "01900000-0000-7000-8000-000000000000",
        "actor_role": Role.CUSTOMER,
        "subject_id": "",
        "resource": "",
        "request_id": "a-request",
        "outcome": "USER_NOT_FOUND",
        "first_at": NOON + timedelta(seconds=second),
        "last_at": NOON + timedelta(seconds=second),
        "address": "192.0.2.1",
        "device": "a phone",
    }
    return AuditRecord(**{**made, **fields})

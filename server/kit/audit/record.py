"""A record of the audit log, on its way there."""

from datetime import datetime

import msgspec
from msgspec.structs import replace

from server.kit.context import Role

OK = "OK"
"""The outcome of a call that has succeeded; of any other it is the reason that was given."""


class AuditRecord(msgspec.Struct, frozen=True, gc=False):
    """One call, or several that are counted together; see `emporium.type.v1.AuditEvent`.

    No dataclass: each call of staff makes one, and a frozen dataclass takes five times as long.
    """

    id: str  # UUIDv7
    service: str
    action: str  # such as `emporium.user.v1.AuthService/Login`
    actor_id: str
    actor_role: Role | None  # None: nobody is known to have called
    subject_id: str
    resource: str
    request_id: str
    outcome: str
    first_at: datetime
    last_at: datetime
    address: str
    device: str
    count: int = 1

    @property
    def kind(self) -> tuple[str, ...]:
        """What calls that are counted together have in common: also the one whom they come from.

        Whoever is refused tries one thing after another, so that does not set them apart; nor, of
        callers who are known, whose it is.
        """
        of = (self.service, self.action, self.outcome, self.address)
        if self.outcome == OK:
            return (*of, self.actor_id, self.subject_id, self.resource)
        return (*of, self.actor_id or self.subject_id)

    def counting(self, count: int, last_at: datetime) -> "AuditRecord":
        """This record, which stands for so many calls, of which that was the last."""
        return replace(self, count=count, last_at=last_at)

    def with_another(self, other: "AuditRecord") -> "AuditRecord":
        """This record, which stands for the calls of `other` too."""
        return self.counting(self.count + other.count, other.last_at)

    def without_origin(self) -> "AuditRecord":
        """This record, which tells of ids alone."""
        return replace(self, address="", device="")

    def without_actor(self) -> "AuditRecord":
        """What whom it is about may know: neither who it was nor from where."""
        return replace(self.without_origin(), actor_id="")

    def without_details(self) -> "AuditRecord":
        """What is left when there is no room: that it happened, and what came of it."""
        return replace(
            self,
            actor_id="",
            actor_role=None,
            subject_id="",
            resource="",
            request_id="",
            address="",
            device="",
        )

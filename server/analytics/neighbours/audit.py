"""Hands audit records to the user service, which keeps them."""

from collections.abc import Sequence

import emporium
from server.kit import errors
from server.kit.audit.record import AuditRecord
from server.kit.audit.wire import to_event
from server.kit.telemetry import brief

_TIMEOUT_SECONDS = 5.0


class AuditKeeper:
    """`kit.audit.forwarding.Keeper`, through `shop`."""

    def __init__(self, shop: emporium.Emporium) -> None:
        self._shop = shop

    async def keep(self, records: Sequence[AuditRecord]) -> None:
        events = [to_event(each) for each in records]
        try:
            await self._shop.audit.record(events, timeout_seconds=_TIMEOUT_SECONDS)
        except emporium.InvalidRequest as error:
            raise errors.Invalid(str(error)) from error
        except emporium.EmporiumError as error:
            raise errors.Unavailable(f"the user service: {brief(error)}") from error

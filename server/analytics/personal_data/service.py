"""Personal data: each method converts the request and asks the stores that hold it."""

from datetime import datetime
from typing import Protocol

from emporium.analytics.v1 import personal_data_service_pb2 as pb
from emporium.type.v1.personal_data_pb2 import ErasureReceipt
from server.analytics.behaviour.store import EventStore
from server.analytics.personal_data import wire
from server.analytics.sales.store import SalesStore
from server.kit.context import Context
from server.kit.exporting import check_asked, to_part
from server.kit.receipts import Receipt


class Erasures(Protocol):
    """What is held of people here, to be erased."""

    async def erase(
        self, user_id: str, erased_at: datetime, *, completes_call: bool = False
    ) -> Receipt:
        """Leaves nothing of the person. Repeatable: gives what was erased in all."""


class PersonalDataService:
    """`emporium.analytics.v1.PersonalDataService`."""

    def __init__(self, erasures: Erasures, events: EventStore, sales: SalesStore) -> None:
        self._erasures = erasures
        self._exports = {"activity": events.export, "sales": sales.export}

    async def EraseActivity(
        self, request: pb.EraseActivityRequest, context: Context
    ) -> ErasureReceipt:
        user_id, erased_at = wire.from_erase(request)
        receipt = await self._erasures.erase(user_id, erased_at, completes_call=True)
        return wire.to_erased(receipt)

    async def ExportActivity(
        self, request: pb.ExportActivityRequest, context: Context
    ) -> pb.ExportActivityResponse:
        check_asked(request.part, request.page_token, [*self._exports])
        wanted = [request.part] if request.part else [*self._exports]
        user_id = request.user_id.lower()
        held = [(name, await self._exports[name](user_id, request.page_token)) for name in wanted]
        return wire.to_export([await to_part(name, each) for name, each in held])

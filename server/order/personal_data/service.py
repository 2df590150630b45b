"""Personal data: each method converts the request and asks the stores that hold it."""

from datetime import UTC, datetime

from emporium.order.v1 import personal_data_service_pb2 as pb
from emporium.type.v1.personal_data_pb2 import ErasureReceipt
from server.kit.context import Context
from server.kit.exporting import check_asked, to_part
from server.order.orders.store import ExportStore
from server.order.personal_data import wire
from server.order.personal_data.store import ErasureStore


class PersonalDataService:
    """`emporium.order.v1.PersonalDataService`."""

    def __init__(self, erasures: ErasureStore, orders: ExportStore, shipments: ExportStore) -> None:
        self._erasures = erasures
        self._exports = {"orders": orders.export, "shipments": shipments.export}

    async def EraseBuyer(self, request: pb.EraseBuyerRequest, context: Context) -> ErasureReceipt:
        user_id, erased_at = wire.from_erase(request)
        return wire.to_erased(await self._erasures.erase(user_id, erased_at, datetime.now(UTC)))

    async def ExportBuyer(
        self, request: pb.ExportBuyerRequest, context: Context
    ) -> pb.ExportBuyerResponse:
        check_asked(request.part, request.page_token, [*self._exports])
        wanted = [request.part] if request.part else [*self._exports]
        user_id = request.user_id.lower()
        held = [(name, await self._exports[name](user_id, request.page_token)) for name in wanted]
        return wire.to_export([await to_part(name, each) for name, each in held])

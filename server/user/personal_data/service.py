"""Personal data: each method converts the request and asks the sources, or the store."""

from collections.abc import Sequence
from datetime import UTC, datetime

from emporium.user.v1 import personal_data_service_pb2 as pb
from server.kit.context import Context
from server.kit.exporting import check_asked
from server.user.accounts.store import UserStore
from server.user.personal_data import wire
from server.user.personal_data.collecting import Source, collect
from server.user.personal_data.store import ErasureStore


class PersonalDataService:
    """`emporium.user.v1.PersonalDataService`."""

    def __init__(
        self, accounts: UserStore, erasures: ErasureStore, sources: Sequence[Source]
    ) -> None:
        self._accounts = accounts
        self._erasures = erasures
        self._sources = sources
        self._names = [name for source in sources for name in source.names]

    async def ExportUser(
        self, request: pb.ExportUserRequest, context: Context
    ) -> pb.ExportUserResponse:
        check_asked(request.part, request.page_token, self._names)
        user = await self._accounts.get(request.user_id)
        found = await collect(self._sources, user.id, request.part, request.page_token)
        return wire.to_export(user.id, datetime.now(UTC), found)

    async def GetErasure(self, request: pb.GetErasureRequest, context: Context) -> pb.Erasure:
        return wire.to_erasure(await self._erasures.get(request.user_id))

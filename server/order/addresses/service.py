"""Saved addresses: each method converts the request, applies the rules and calls the store."""

from datetime import UTC, datetime

from google.protobuf.empty_pb2 import Empty
from uuid_utils import uuid7

from emporium.order.v1 import address_service_pb2 as pb
from server.kit.context import Context
from server.kit.listing.paging import Sort, page_query
from server.kit.listing.tokens import PageTokens
from server.order.addresses import rules, wire
from server.order.addresses.store import SORTABLE, AddressStore

_OLDEST_FIRST = Sort("created_at", descending=False)


class AddressService:
    """`emporium.order.v1.AddressService`."""

    def __init__(self, store: AddressStore, tokens: PageTokens) -> None:
        self._store = store
        self._tokens = tokens

    async def CreateAddress(
        self, request: pb.CreateAddressRequest, context: Context
    ) -> pb.SavedAddress:
        new, address_id, now = wire.from_create(request), str(uuid7()), datetime.now(UTC)

        def save(book: rules.Book | None) -> rules.SavedAddress:
            return rules.save(new, book, address_id, now)

        def answer(address: rules.SavedAddress) -> bytes:
            context.response = message = wire.to_saved(address)
            return message.SerializeToString()

        given = await self._store.create(new.user_id, save, context.key, answer)
        return pb.SavedAddress.FromString(given)

    async def GetAddress(self, request: pb.GetAddressRequest, context: Context) -> pb.SavedAddress:
        found = await self._store.get(request.user_id.lower(), request.address_id.lower())
        return wire.to_saved(found)

    async def ListAddresses(
        self, request: pb.ListAddressesRequest, context: Context
    ) -> pb.ListAddressesResponse:
        user_id = request.user_id.lower()
        query = page_query(
            request, self._tokens, sortable=SORTABLE, default=_OLDEST_FIRST, filters=user_id
        )
        return wire.to_list(query, await self._store.list(user_id, query))

    async def UpdateAddress(
        self, request: pb.UpdateAddressRequest, context: Context
    ) -> pb.SavedAddress:
        change, now = wire.from_update(request), datetime.now(UTC)
        address = await self._store.update(
            request.user_id.lower(),
            request.address_id.lower(),
            lambda before: rules.change_address(before, change, now),
        )
        return wire.to_saved(address)

    async def DeleteAddress(self, request: pb.DeleteAddressRequest, context: Context) -> Empty:
        await self._store.delete(
            request.user_id.lower(),
            request.address_id.lower(),
            lambda address: rules.check_deletion(address, request.etag),
        )
        return Empty()

"""Saved addresses."""

from typing import Unpack
from uuid import uuid4

from emporium.connection import Connection
from emporium.order.v1.address_service_pb2 import (
    CreateAddressRequest,
    DeleteAddressRequest,
    GetAddressRequest,
    ListAddressesRequest,
    SavedAddress,
    UpdateAddressRequest,
)
from emporium.order.v1.address_service_pb2_grpc import AddressServiceStub
from emporium.paging import Listing, Page, PageOptions
from emporium.type.v1.address_pb2 import Address
from emporium.values import UNSET, Unset, query, set_mask


class Addresses:
    """`shop.addresses`: the addresses that people have saved, one of them their default."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = AddressServiceStub(connection.channel)

    async def create(
        self,
        user_id: str,
        address: Address,
        *,
        label: str = "",
        is_default: bool = False,
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> SavedAddress:
        """Saves an address; a person's first becomes the default.

        A repeat with the same `idempotency_key` gets the first answer; left out, the call has a key
        of its own, which its retries share.

        Raises `NotFound` (USER_NOT_FOUND), `Conflict` (TOO_MANY_ADDRESSES, USER_ERASED),
        `InvalidRequest`, `AlreadyExists` (IDEMPOTENCY_KEY_REUSED).
        """
        request = CreateAddressRequest(
            user_id=user_id,
            address=address,
            label=label,
            is_default=is_default,
            request_id=idempotency_key or str(uuid4()),
        )
        return await self._connection.call(self._stub.CreateAddress, request, timeout_seconds)

    async def get(
        self, user_id: str, address_id: str, *, timeout_seconds: float | None = None
    ) -> SavedAddress:
        """Reads an address. Raises `NotFound` (USER_NOT_FOUND, ADDRESS_NOT_FOUND)."""
        request = GetAddressRequest(user_id=user_id, address_id=address_id)
        return await self._connection.call(self._stub.GetAddress, request, timeout_seconds)

    def list(self, user_id: str, **options: Unpack[PageOptions]) -> Listing[SavedAddress]:
        """Lists a person's addresses by `created_at`, ascending unless `sort` says otherwise.

        Reading it raises `NotFound` (USER_NOT_FOUND), `InvalidRequest` (UNKNOWN_SORT_FIELD,
        INVALID_PAGE_TOKEN).
        """
        timeout_seconds = options.get("timeout_seconds")

        async def fetch(request: ListAddressesRequest) -> Page[SavedAddress]:
            call = self._connection.call
            answer = await call(self._stub.ListAddresses, request, timeout_seconds)
            return Page(answer.addresses, answer.meta)

        return Listing(ListAddressesRequest(user_id=user_id, **query(options)), fetch)

    async def update(
        self,
        user_id: str,
        address_id: str,
        *,
        label: str | Unset | None = UNSET,
        address: Address | None = None,
        is_default: bool | None = None,
        etag: str = "",
        timeout_seconds: float | None = None,
    ) -> SavedAddress:
        """Changes the fields that are given, and no others; `label=None` clears it.

        `is_default=True` takes it from the address that has it. With an `etag` the change is
        refused when the address has another by now.

        Raises `NotFound` (USER_NOT_FOUND, ADDRESS_NOT_FOUND), `Outdated` (ETAG_MISMATCH),
        `Conflict` (DEFAULT_ADDRESS_REQUIRED), `InvalidRequest` (NOTHING_TO_UPDATE,
        VALIDATION_FAILED). Not retried, because it is not idempotent.
        """
        request = UpdateAddressRequest(
            user_id=user_id, address_id=address_id, is_default=is_default, etag=etag
        )
        if address is not None:
            request.address.CopyFrom(address)
        if label is None:
            but = ("user_id", "address_id", "etag")
            set_mask(request, request.update_mask, cleared=["label"], but=but)
        elif label is not UNSET:
            request.label = str(label)
        return await self._connection.call(self._stub.UpdateAddress, request, timeout_seconds)

    async def delete(
        self,
        user_id: str,
        address_id: str,
        *,
        etag: str = "",
        timeout_seconds: float | None = None,
    ) -> None:
        """Deletes an address. Orders keep their copies.

        Raises `NotFound` (USER_NOT_FOUND, ADDRESS_NOT_FOUND), `Outdated` (ETAG_MISMATCH).
        `NotFound` may also mean that a first attempt had deleted it before a retry.
        """
        request = DeleteAddressRequest(user_id=user_id, address_id=address_id, etag=etag)
        await self._connection.call(self._stub.DeleteAddress, request, timeout_seconds)

"""Addresses between Protobuf and dataclasses."""

from emporium.order.v1 import address_service_pb2 as pb
from emporium.type.v1 import address_pb2
from server.kit.listing.paging import Page, PageQuery, page_meta
from server.kit.wire import fields_of_mask, timestamp
from server.order.addresses.rules import (
    CLEARABLE,
    Address,
    AddressChange,
    NewAddress,
    SavedAddress,
)


def to_address(address: Address) -> address_pb2.Address:
    """A postal address on the wire."""
    return address_pb2.Address(
        recipient=address.recipient,
        street=address.street,
        city=address.city,
        postal_code=address.postal_code,
        country_code=address.country_code,
    )


def from_address(address: address_pb2.Address) -> Address:
    """The postal address that was sent."""
    return Address(
        recipient=address.recipient,
        street=address.street,
        city=address.city,
        postal_code=address.postal_code,
        country_code=address.country_code,
    )


def to_saved(saved: SavedAddress) -> pb.SavedAddress:
    """A saved address on the wire."""
    return pb.SavedAddress(
        id=saved.id,
        user_id=saved.user_id,
        label=saved.label,
        address=to_address(saved.address),
        is_default=saved.is_default,
        created_at=timestamp(saved.created_at),
        updated_at=timestamp(saved.updated_at),
        etag=saved.etag,
    )


def to_list(query: PageQuery, page: Page[SavedAddress]) -> pb.ListAddressesResponse:
    """A page of saved addresses on the wire."""
    return pb.ListAddressesResponse(
        addresses=[to_saved(saved) for saved in page.rows], meta=page_meta(query, page)
    )


def from_create(request: pb.CreateAddressRequest) -> NewAddress:
    """The address that the caller wants to save."""
    address = from_address(request.address)
    return NewAddress(request.user_id.lower(), request.label, address, request.is_default)


def from_update(request: pb.UpdateAddressRequest) -> AddressChange:
    """The change that the caller asks for. Raises `InvalidUpdateMask`."""
    present = {
        "label": request.label if request.HasField("label") else None,
        "address": from_address(request.address) if request.HasField("address") else None,
        "is_default": request.is_default if request.HasField("is_default") else None,
    }
    fields = fields_of_mask(request.update_mask.paths, present, CLEARABLE)
    return AddressChange(fields, request.etag)

"""Addresses, and those that people have saved, of which exactly one is the default. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from server.kit import errors

ADDRESSES_MAX = 50
"""How many addresses a person may have saved."""

CLEARABLE = ("label",)
"""What an update may clear."""


class AddressNotFound(errors.NotFound):
    """No such address, or somebody else's."""

    reason = "ADDRESS_NOT_FOUND"


class TooManyAddresses(errors.Conflict):
    """The person has saved as many as one may."""

    reason = "TOO_MANY_ADDRESSES"


class DefaultRequired(errors.Conflict):
    """The default cannot be left without one that takes its place."""

    reason = "DEFAULT_ADDRESS_REQUIRED"


class OwnerErased(errors.Conflict):
    """The account that the address is for was deleted."""

    reason = "USER_ERASED"


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address."""

    recipient: str
    street: str
    city: str
    postal_code: str
    country_code: str


@dataclass(frozen=True, slots=True)
class SavedAddress:
    """An address that somebody has saved. Ids are UUIDs as text, in lower case."""

    id: str
    user_id: str
    label: str
    address: Address
    created_at: datetime
    updated_at: datetime
    version: int
    is_default: bool = False

    @property
    def etag(self) -> str:
        """Changes with every change; to be the default has no version: its book keeps it."""
        return f"{self.version}-default" if self.is_default else str(self.version)


class NewAddress(NamedTuple):
    """What somebody wants to save."""

    user_id: str
    label: str
    address: Address
    is_default: bool


class AddressChange(NamedTuple):
    """Fields to set, by name; None clears. An empty etag is any."""

    fields: Mapping[str, Any]
    etag: str


class Book(NamedTuple):
    """What a person has saved."""

    default_id: str
    size: int  # how many there are in it


def save(new: NewAddress, book: Book | None, address_id: str, now: datetime) -> SavedAddress:
    """The address for `new`, beside what is in the `book`; None: nothing is.

    Raises `TooManyAddresses`.
    """
    if book and book.size >= ADDRESSES_MAX:
        raise TooManyAddresses(f"a person may save {ADDRESSES_MAX} addresses; delete one first")
    is_default = new.is_default or book is None
    return SavedAddress(address_id, new.user_id, new.label, new.address, now, now, 1, is_default)


def change_address(before: SavedAddress, change: AddressChange, now: datetime) -> SavedAddress:
    """`before` after `change`; the same where it changes nothing.

    Raises `NothingToUpdate`, `Outdated` and `DefaultRequired`.
    """
    if not change.fields:
        raise errors.NothingToUpdate("send at least one field to change")
    errors.Outdated.check(change.etag, before.etag, "address")
    if before.is_default and change.fields.get("is_default") is False:
        raise DefaultRequired(
            "is_default: make another address the default instead", field="is_default"
        )
    cleared = {"label": ""} if change.fields.get("label", "") is None else {}
    after = replace(before, **{**change.fields, **cleared})
    if after == before:
        return before
    if replace(after, is_default=before.is_default) == before:
        return after  # which is the book's to keep
    return replace(after, updated_at=now, version=before.version + 1)


def check_deletion(address: SavedAddress, etag: str) -> None:
    """Raises `Outdated`."""
    errors.Outdated.check(etag, address.etag, "address")


def next_default(left: Sequence[tuple[datetime, str]]) -> str | None:
    """Which of those that are left becomes the default: the latest; None: there is none."""
    return max(left)[1] if left else None

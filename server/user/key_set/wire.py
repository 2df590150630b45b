"""JWKs become messages."""

from collections.abc import Iterable, Mapping
from typing import Any

from emporium.user.v1 import key_set_service_pb2 as pb

_MEMBERS = tuple(field.name for field in pb.Key.DESCRIPTOR.fields)


def to_key_set(keys: Iterable[Mapping[str, Any]]) -> pb.KeySet:
    """Only what is public, whatever else a key has."""
    return pb.KeySet(keys=[pb.Key(**{name: str(key[name]) for name in _MEMBERS}) for key in keys])

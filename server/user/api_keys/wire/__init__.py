"""API keys between Protobuf and dataclasses. No logic."""

from collections.abc import Sequence

from emporium.user.v1 import api_key_service_pb2 as pb
from server.kit.listing.paging import Page, PageQuery, page_meta
from server.kit.wire import timestamp
from server.user.api_keys.rules import ApiKey, NewApiKey


def from_create(request: pb.CreateApiKeyRequest) -> NewApiKey:
    """The key that the caller asks for."""
    days = request.expires_in_days if request.HasField("expires_in_days") else None
    return NewApiKey(request.name, tuple(request.scopes), days)


def to_key(key: ApiKey) -> pb.ApiKey:
    """A key on the wire, without its secret."""
    used = key.last_used_at
    return pb.ApiKey(
        id=key.id,
        name=key.name,
        scopes=key.scopes,
        created_at=timestamp(key.created_at),
        expires_at=timestamp(key.expires_at),
        last_used_at=timestamp(used) if used else None,
    )


def to_token(token: str, seconds: int, scopes: Sequence[str]) -> pb.ExchangeApiKeyResponse:
    """An access token on the wire."""
    return pb.ExchangeApiKeyResponse(
        access_token=token,
        token_type="Bearer",  # noqa: S106 - the kind of token
        expires_in=seconds,
        scope=" ".join(scopes),
    )


def to_list(query: PageQuery, page: Page[ApiKey]) -> pb.ListApiKeysResponse:
    """A page of keys on the wire."""
    keys = [to_key(key) for key in page.rows]
    return pb.ListApiKeysResponse(api_keys=keys, meta=page_meta(query, page))

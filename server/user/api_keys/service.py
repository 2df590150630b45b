"""API keys: each method converts the request, applies the rules and calls the store."""

import secrets
from datetime import UTC, datetime

from google.protobuf.empty_pb2 import Empty
from uuid_utils import uuid7

from emporium.user.v1 import api_key_service_pb2 as pb
from server.kit.context import Context
from server.kit.listing.paging import Sort, page_query
from server.kit.listing.tokens import PageTokens
from server.user.api_keys import rules, wire
from server.user.api_keys.store import SORTABLE, ApiKeyStore

_NEWEST_FIRST = Sort("created_at", descending=True)


class ApiKeyService:
    """`emporium.user.v1.ApiKeyService`."""

    def __init__(self, store: ApiKeyStore, tokens: PageTokens) -> None:
        self._store = store
        self._tokens = tokens

    async def CreateApiKey(self, request: pb.CreateApiKeyRequest, context: Context) -> pb.ApiKey:
        key = rules.make(
            wire.from_create(request), context.signed_in.id, str(uuid7()), datetime.now(UTC)
        )
        secret = rules.secret_of(key.id, secrets.token_bytes(rules.SECRET_BYTES))
        known = rules.Known(key, rules.hash_of(secret))
        answer = wire.to_key(key).SerializeToString()
        given = pb.ApiKey.FromString(await self._store.create(known, context.key, answer))
        if given.id == key.id:  # and not that of a first call
            given.secret = secret
        return given

    async def ListApiKeys(
        self, request: pb.ListApiKeysRequest, context: Context
    ) -> pb.ListApiKeysResponse:
        owner = context.signed_in.id
        query = page_query(
            request, self._tokens, sortable=SORTABLE, default=_NEWEST_FIRST, filters=owner
        )
        return wire.to_list(query, await self._store.list(owner, query))

    async def DeleteApiKey(self, request: pb.DeleteApiKeyRequest, context: Context) -> Empty:
        if not await self._store.delete(context.signed_in.id, request.api_key_id):
            raise rules.ApiKeyNotFound
        return Empty()

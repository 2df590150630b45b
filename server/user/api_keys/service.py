"""API keys: each method converts the request, applies the rules and calls the store."""

import secrets
from collections.abc import Collection
from datetime import UTC, datetime

import structlog
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty
from uuid_utils import uuid7

from emporium.user.v1 import api_key_service_pb2 as pb
from server.kit import errors
from server.kit.auth import Signer
from server.kit.context import Context, Role
from server.kit.listing.paging import Sort, page_query
from server.kit.listing.tokens import PageTokens
from server.user.accounts.rules import Status, User, UserNotFound, check_session
from server.user.accounts.rules.proof import check_proven
from server.user.accounts.store import UserStore
from server.user.api_keys import rules, wire
from server.user.api_keys.store import SORTABLE, ApiKeyStore
from server.user.api_keys.wire.oauth import from_form

_NEWEST_FIRST = Sort("created_at", descending=True)

_log = structlog.get_logger()


class ApiKeyService:
    """`emporium.user.v1.ApiKeyService`."""

    def __init__(
        self,
        store: ApiKeyStore,
        accounts: UserStore,
        signer: Signer,
        tokens: PageTokens,
        totp_required_of: Collection[Role] = (),
    ) -> None:
        """See `Granting` for `totp_required_of`."""
        self._store = store
        self._accounts = accounts
        self._signer = signer
        self._tokens = tokens
        self._totp_required_of = totp_required_of

    async def CreateApiKey(self, request: pb.CreateApiKeyRequest, context: Context) -> pb.ApiKey:
        owner = await self._owner(context.signed_in.id)
        check_session(owner, context.signed_in)
        check_proven(owner)
        key = rules.make(wire.from_create(request), owner, str(uuid7()), datetime.now(UTC))
        told = rules.told_of(key, owner, str(uuid7()), context.traceparent)
        secret = rules.secret_of(key.id, secrets.token_bytes(rules.SECRET_BYTES))
        known = rules.Known(key, rules.hash_of(secret))
        context.response = message = wire.to_key(key)
        answer = message.SerializeToString()
        given = pb.ApiKey.FromString(await self._store.create(known, told, context.key, answer))
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

    async def ExchangeApiKey(
        self, request: HttpBody, context: Context
    ) -> pb.ExchangeApiKeyResponse:
        asked = from_form(request, context.metadata.get("authorization", ""))
        now = datetime.now(UTC)
        known = await self._store.find(asked.key_id)
        context.subject = known.key.user_id if known else ""
        key = rules.check_secret(known, asked.secret, now)
        scopes = rules.granted(key, asked.scope)
        user = await self._active(key.user_id)
        seconds = rules.seconds_of_token(key, now, self._signer.lifetime_seconds)
        token = self._signer.sign(
            user.id,
            rules.role_in_token(key, user, self._totp_required_of),
            key.id,
            user.version,
            scopes=scopes,
            lifetime_seconds=seconds,
        )
        if rules.is_use_to_note(key, now):
            await self._note_use(key, now)
        return wire.to_token(token, seconds, scopes)

    async def _owner(self, user_id: str) -> User:
        try:
            return await self._accounts.get(user_id)
        except UserNotFound as error:  # since the call was let in
            raise errors.AccountInactive("the account was deleted or disabled") from error

    async def _active(self, user_id: str) -> User:
        """The account as it is now: its role is the token's."""
        try:
            user = await self._accounts.get(user_id)
        except UserNotFound as error:
            raise rules.InvalidClient from error
        if user.status is not Status.ACTIVE:
            raise rules.InvalidClient
        return user

    async def _note_use(self, key: rules.ApiKey, now: datetime) -> None:
        """Where it fails, as on a full disk, the next exchange will."""
        try:
            await self._store.note_use(key.id, now)
        except errors.Unavailable as error:
            _log.warning("api_key.use_not_noted", api_key_id=key.id, reason=error.reason)

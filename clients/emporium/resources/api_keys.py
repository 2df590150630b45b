"""API keys."""

from collections.abc import Iterable
from typing import Unpack
from uuid import uuid4

from emporium.api_key import form_of
from emporium.connection import Connection
from emporium.paging import Listing, Page, PageOptions
from emporium.user.v1.api_key_service_pb2 import (
    ApiKey,
    CreateApiKeyRequest,
    DeleteApiKeyRequest,
    ExchangeApiKeyResponse,
    ListApiKeysRequest,
)
from emporium.user.v1.api_key_service_pb2_grpc import ApiKeyServiceStub
from emporium.user.v1.auth_service_pb2 import LoginResponse
from emporium.values import query


class ApiKeys:
    """`shop.api_keys`: one's own API keys. They are a person's to manage: no API key may.

    A program that has one makes its client with it: `Emporium(target, api_key=...)`.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = ApiKeyServiceStub(connection.channel)

    async def create(
        self,
        name: str,
        scopes: Iterable[str],
        *,
        expires_in_days: int | None = None,
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> ApiKey:
        """Makes a key with `scopes` such as `orders.read`, which ends after 90 days unless given.

        The answer has its `secret`, and nothing else ever has. A repeat with the same
        `idempotency_key` gets the first answer without it; left out, the call has a key of its own,
        which its retries share: where `secret` is empty a first attempt was answered and the answer
        lost, so delete that key and make another.

        Raises `InvalidRequest` (VALIDATION_FAILED), `Conflict` (EMAIL_NOT_VERIFIED until a
        mailed link has shown whose the account is, TOO_MANY_API_KEYS), `AlreadyExists`
        (IDEMPOTENCY_KEY_REUSED), `PermissionDenied` (INSUFFICIENT_SCOPE).
        """
        request = CreateApiKeyRequest(
            name=name,
            scopes=scopes,
            expires_in_days=expires_in_days,
            request_id=idempotency_key or str(uuid4()),
        )
        return await self._connection.call(self._stub.CreateApiKey, request, timeout_seconds)

    def list(self, **options: Unpack[PageOptions]) -> Listing[ApiKey]:
        """Lists one's own keys, newest first unless `sort` says otherwise. Sorts by `created_at`.

        Reading it raises `InvalidRequest` (UNKNOWN_SORT_FIELD, INVALID_PAGE_TOKEN).
        """
        timeout_seconds = options.get("timeout_seconds")

        async def fetch(request: ListApiKeysRequest) -> Page[ApiKey]:
            answer = await self._connection.call(self._stub.ListApiKeys, request, timeout_seconds)
            return Page(answer.api_keys, answer.meta)

        return Listing(ListApiKeysRequest(**query(options)), fetch)

    async def delete(self, api_key_id: str, *, timeout_seconds: float | None = None) -> None:
        """Ends a key. Raises `NotFound` (API_KEY_NOT_FOUND), also when a retry finds it done."""
        request = DeleteApiKeyRequest(api_key_id=api_key_id)
        await self._connection.call(self._stub.DeleteApiKey, request, timeout_seconds)

    async def exchange(
        self, api_key: str, *, scope: str = "", timeout_seconds: float | None = None
    ) -> ExchangeApiKeyResponse:
        """Exchanges a key for an access token, which reaches as far as `scope`, or as the key.

        `Emporium(target, api_key=...)` does so by itself. Raises `Unauthenticated`
        (INVALID_CLIENT), `InvalidRequest` (INVALID_SCOPE), `RateLimited`, and `ValueError` for what
        is no API key.
        """
        return await self._connection.call(
            self._stub.ExchangeApiKey, form_of(api_key, scope), timeout_seconds, is_signed=False
        )

    def keep(self, api_key: str) -> None:
        """Sends tokens of `api_key` from now on. Raises `ValueError` for what is no API key."""
        form_of(api_key)

        async def exchange(key: str, timeout_seconds: float) -> LoginResponse:
            given = await self.exchange(key, timeout_seconds=timeout_seconds)
            return LoginResponse(
                access_token=given.access_token, expires_in=given.expires_in, refresh_token=key
            )

        self._connection.keep_api_key(api_key, exchange)

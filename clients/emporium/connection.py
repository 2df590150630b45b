"""What all calls have in common: deadline, request id, token, and errors as exceptions."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TypeVar
from uuid import uuid4

import grpc

from emporium.deadline import request_id, time_left
from emporium.exceptions import Cancelled, DeadlineExceeded, Unauthenticated
from emporium.kept_login import Exchange, KeptLogin
from emporium.session import Session, check_timeout, sendable
from emporium.status import exception_of
from emporium.user.v1.auth_service_pb2 import LoginResponse

Request = TypeVar("Request")
Response = TypeVar("Response")
Supplied = TypeVar("Supplied", str, str | None)


class Connection:
    """A channel, and the one way to call over it."""

    __slots__ = ("_session", "channel")

    def __init__(self, channel: grpc.aio.Channel, session: Session) -> None:
        self.channel = channel
        self._session = session

    async def call(
        self,
        method: "grpc.aio.UnaryUnaryMultiCallable[Request, Response]",
        request: Request,
        timeout_seconds: float | None = None,
        *,
        is_signed: bool = True,
        secret: Sequence[tuple[str, str]] = (),
    ) -> Response:
        """Makes one call, with the retries that are safe; `secret` goes with its metadata.

        Takes at most `timeout_seconds`, or the client's timeout, or what is left of the caller's
        deadline, whichever ends first. Raises an `EmporiumError` for every failure.
        """
        session = self._session
        own_id = request_id.get()
        sent_id = sendable(own_id, "request_id") if own_id else str(uuid4())
        if timeout_seconds is None:
            timeout_seconds = session.timeout_seconds
        else:
            check_timeout(timeout_seconds)
        timeout = time_left(timeout_seconds)
        if timeout <= 0:
            raise _too_late("there was no time left to call", sent_id)
        if not is_signed:
            return await self._send(method, request, timeout, sent_id, None, secret)
        token, timeout = await self._token(timeout, sent_id)
        began = time.monotonic()
        try:
            return await self._send(method, request, timeout, sent_id, token, secret)
        except Unauthenticated as error:
            left = timeout - (time.monotonic() - began)
            another, left = await self._another(token, error.reason, left, sent_id)
            if another is None:
                raise
            return await self._send(method, request, left, sent_id, another, secret)

    async def _token(self, timeout: float, sent_id: str) -> tuple[str | None, float]:
        """The token to send, if any, and the time that is left for the call itself."""
        supply = self._session.supplier()
        if supply is None:
            token = self._session.token
            assert not callable(token)
            return token, timeout
        supplied, timeout = await _supplied(supply, timeout, sent_id)
        return sendable(supplied, "token"), timeout

    async def _another(
        self, refused: str | None, reason: str, timeout: float, sent_id: str
    ) -> tuple[str | None, float]:
        """Another token than the one that was refused, if there is one, and the time that is left.

        What was refused so was not begun, so it may be sent again, whatever it is.
        """
        supply = self._session.supplier_after(refused, reason) if refused else None
        if supply is None:
            return None, timeout
        supplied, left = await _supplied(supply, timeout, sent_id)
        another = None if supplied is None else sendable(supplied, "token")
        return None if another == refused else another, left

    async def _send(
        self,
        method: "grpc.aio.UnaryUnaryMultiCallable[Request, Response]",
        request: Request,
        timeout: float,
        sent_id: str,
        token: str | None,
        secret: Sequence[tuple[str, str]] = (),
    ) -> Response:
        if self._session.is_closed:
            raise Cancelled("the client is closed", request_id=sent_id)
        metadata = [*_metadata(sent_id, token), *secret]
        try:
            return await method(request, timeout=timeout, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            raise exception_of(error, sent_id) from error
        except asyncio.CancelledError:
            if self._was_closed():
                closed = "the client was closed during the call"
                raise Cancelled(closed, request_id=sent_id) from None
            raise

    def keep_api_key(self, api_key: str, exchange: Exchange) -> None:
        """Exchanges `api_key` for tokens, from the first call on."""
        self._session.login = KeptLogin(
            LoginResponse(refresh_token=api_key), exchange, is_spent=False
        )

    @property
    def device_token(self) -> str:
        """What the last login answered, for the next one; empty before the first."""
        return self._session.device_token

    async def stream(
        self, method: "grpc.aio.UnaryStreamMultiCallable[Request, Response]", request: Request
    ) -> AsyncGenerator[Response, None]:
        """Makes one call that is answered by many messages, which has no deadline.

        The call ends with the generator: close it. Raises an `EmporiumError` for every failure.
        """
        own_id = request_id.get()
        sent_id = sendable(own_id, "request_id") if own_id else str(uuid4())
        patience = self._session.timeout_seconds  # for tokens
        token, _ = await self._token(patience, sent_id)
        is_answered, another = False, None
        try:
            async with aclosing(self._answers(method, request, sent_id, token)) as answers:
                async for each in answers:
                    is_answered = True
                    yield each
        except Unauthenticated as error:
            if not is_answered:
                another, _ = await self._another(token, error.reason, patience, sent_id)
            if another is None:
                raise
        if another is not None:
            async with aclosing(self._answers(method, request, sent_id, another)) as answers:
                async for each in answers:
                    yield each

    async def _answers(
        self,
        method: "grpc.aio.UnaryStreamMultiCallable[Request, Response]",
        request: Request,
        sent_id: str,
        token: str | None,
    ) -> AsyncGenerator[Response, None]:
        if self._session.is_closed:
            raise Cancelled("the client is closed", request_id=sent_id)
        call = method(request, metadata=_metadata(sent_id, token))
        try:
            async for response in call:
                yield response
        except grpc.aio.AioRpcError as error:
            raise exception_of(error, sent_id) from error
        except asyncio.CancelledError:
            if self._was_closed():
                closed = "the client was closed during the call"
                raise Cancelled(closed, request_id=sent_id) from None
            raise
        finally:
            call.cancel()

    def keep_login(self, login: LoginResponse, exchange: Exchange) -> None:
        """Uses the tokens of `login` from now on, unless there is a supplier of tokens."""
        self.keep_device(login.device_token)
        if self._session.token is None or isinstance(self._session.token, str):
            self._session.token = login.access_token
            self._session.login = KeptLogin(login, exchange)

    def keep_device(self, device_token: str) -> None:
        """Sends it with the next login, unless it is empty."""
        self._session.device_token = device_token or self._session.device_token

    def forget_login(self) -> None:
        """Sends no token from now on, unless there is a supplier of tokens."""
        if self._session.login is not None:
            self._session.token = None

    def _was_closed(self) -> bool:
        """Whether a call was cancelled by closing the client, and not by cancelling its task.

        The two look alike to the task that awaits the call, but only the latter may end it.
        """
        task = asyncio.current_task()
        return self._session.is_closed and task is not None and not task.cancelling()


def _metadata(sent_id: str, token: str | None) -> list[tuple[str, str]]:
    metadata = [("x-request-id", sent_id)]
    if token is not None:
        metadata.append(("authorization", f"Bearer {token}"))
    return metadata


async def _supplied(
    supply: Callable[[], Awaitable[Supplied]], timeout: float, sent_id: str
) -> tuple[Supplied, float]:
    """A token, and the time that is left for the call itself."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(timeout):
            token = await supply()
    except TimeoutError as error:
        raise _too_late(f"no token within {timeout:g} s", sent_id) from error
    left = timeout - (time.monotonic() - began)
    if left <= 0:
        raise _too_late(f"no token within {timeout:g} s", sent_id)
    return token, left


def _too_late(message: str, sent_id: str) -> DeadlineExceeded:
    return DeadlineExceeded(message, reason="DEADLINE_EXCEEDED", request_id=sent_id)

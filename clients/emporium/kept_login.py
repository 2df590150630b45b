"""A login that goes on by itself: the next token is fetched before one has run out."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from time import monotonic
from typing import TypeAlias

from emporium.exceptions import EmporiumError, Unauthenticated
from emporium.user.v1.auth_service_pb2 import LoginResponse

Exchange: TypeAlias = Callable[[str, float], Awaitable[LoginResponse]]
"""Spends a refresh token, within so many seconds."""

RENEWED = frozenset({"TOKEN_EXPIRED", "INVALID_TOKEN"})
"""For these reasons a token is refused that was good when it was given, and another may be good.

It has run out earlier than was thought: the clocks differ, or this machine slept. Or the key that
has signed it was replaced.
"""

# Of a token's life, at the end of which it is renewed. An answer that was lost can be asked for
# again for 10 s, so one attempt takes much less.
_RENEWED_AFTER = 0.9
_EXCHANGE_SECONDS = 4.0
_PAUSE_SECONDS = 2.0


class KeptLogin:
    """The tokens of one login, or of one API key, which then is the refresh token of each.

    Any number of calls may ask; one exchange at a time is made. A refresh token that is refused
    `is_spent` for good: only a new login helps. An API key is tried again.
    """

    def __init__(self, login: LoginResponse, exchange: Exchange, *, is_spent: bool = True) -> None:
        self._exchange = exchange
        self._is_spent = is_spent
        self._renewing: asyncio.Task[EmporiumError | None] | None = None
        self._failure: EmporiumError | None = None
        self._pause_until = 0.0  # monotonic(), as all of these
        self._take(login)

    def _take(self, login: LoginResponse) -> None:
        now = monotonic()
        self.token = login.access_token
        self._refresh_token = login.refresh_token
        self._renew_at = now + login.expires_in * _RENEWED_AFTER
        self._expires_at = now + login.expires_in

    @property
    def is_due(self) -> bool:
        """Whether `current` has something to do."""
        return bool(self._refresh_token) and monotonic() >= self._renew_at

    async def current(self) -> str:
        """The token to send now. While it is good, a failure to renew it is no failure."""
        if self.is_due:
            error = await self._renew()
            if error is not None and monotonic() >= self._expires_at:
                raise error
        return self.token

    def is_renewed_after(self, reason: str) -> bool:
        """Whether a token that was refused with `reason` is worth another one."""
        return reason in RENEWED or (reason == "SESSION_ENDED" and not self._is_spent)

    async def after(self, refused: str) -> str | None:
        """The token after one that was refused; None when there is none."""
        if self.token == refused and self._refresh_token:
            error = await self._renew()
            if error is not None:
                raise error
        return None if self.token == refused else self.token

    async def _renew(self) -> EmporiumError | None:
        """Gives what went wrong, if something did."""
        if self._renewing is None:
            if monotonic() < self._pause_until:
                return self._failure
            # In a context of its own: it is not for one call, whose deadline and id would bind it.
            self._renewing = asyncio.create_task(self._fetch(), context=Context())
        # A caller that gives up must not lose the others their token.
        return await asyncio.shield(self._renewing)

    async def _fetch(self) -> EmporiumError | None:
        try:
            self._take(await self._exchange(self._refresh_token, _EXCHANGE_SECONDS))
        except EmporiumError as error:
            if self._is_spent and isinstance(error, Unauthenticated):
                self._refresh_token = ""
            self._failure = error
            self._pause_until = monotonic() + _PAUSE_SECONDS
            return error
        finally:
            self._renewing = None
        return None

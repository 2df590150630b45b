"""What the connections of one client share: the token, and where it comes from."""

import math
import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

from emporium.kept_login import RENEWED, KeptLogin

_VISIBLE = re.compile("[!-~]+")

Token: TypeAlias = str | Callable[[], Awaitable[str]]
"""An access token, or what supplies one.

It is awaited for every call, so it should cache the token; and once more when that is refused. The
call is made again where it then supplies another.
"""


class Session:
    """What all connections of one client share."""

    __slots__ = ("_token", "device_token", "is_closed", "login", "timeout_seconds")

    login: KeptLogin | None  # what the token comes from, if it does
    device_token: str  # of the last login; empty before the first

    def __init__(self, token: Token | None, timeout_seconds: float) -> None:
        """Raises `ValueError` for a token that cannot be sent, and for a timeout without an end."""
        check_timeout(timeout_seconds)
        self.token = token
        self.timeout_seconds = timeout_seconds  # for calls without one of their own
        self.is_closed = False
        self.device_token = ""

    @property
    def token(self) -> Token | None:
        return self.login.token or None if self.login else self._token

    @token.setter
    def token(self, token: Token | None) -> None:
        self._token = sendable(token, "token") if isinstance(token, str) else token
        self.login = None

    def supplier(self) -> Callable[[], Awaitable[str]] | None:
        """What must be awaited for the token; None when it is there, or there is none."""
        if self.login:
            return self.login.current if self.login.is_due else None
        return None if isinstance(self._token, str) else self._token

    def supplier_after(
        self, refused: str, reason: str
    ) -> Callable[[], Awaitable[str | None]] | None:
        """What must be awaited for the token after one that was refused; None: none would do."""
        if self.login:
            is_renewed = self.login.is_renewed_after(reason)
            return partial(self.login.after, refused) if is_renewed else None
        return self.supplier() if reason in RENEWED else None


def check_timeout(timeout_seconds: float) -> None:
    """Raises `ValueError` for a timeout that is none."""
    if not 0 < timeout_seconds < math.inf:
        raise ValueError(f"timeout_seconds={timeout_seconds}: must be above 0 and have an end")


def sendable(text: str, name: str) -> str:
    """`text` as a header can carry it, without the line end that a file may have left on it.

    gRPC refuses anything else with an error of its own, and writes it to standard error. Raises
    `ValueError` naming it.
    """
    trimmed = text.strip()
    if not _VISIBLE.fullmatch(trimmed):
        raise ValueError(f"the {name} must be visible ASCII characters, and one at least")
    return trimmed

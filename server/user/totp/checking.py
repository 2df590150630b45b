"""Makes the secrets of second factors, and looks at codes. Each code is good once."""

from collections.abc import Callable
from datetime import datetime

import structlog
from uuid_utils import uuid7

from server.kit.auth.sealing import Sealing, Unreadable
from server.user.accounts.rules import User
from server.user.logins.rules import Code
from server.user.totp.codes import new_secret, step_of
from server.user.totp.rules import hash_of, recovery_code_used
from server.user.totp.store import TotpStore

_log = structlog.get_logger()


class Codes:
    """A `SecondFactor` of logins, by what `store` keeps; `sealing` reads it."""

    def __init__(self, store: TotpStore, sealing: Sealing, now: Callable[[], datetime]) -> None:
        self._store = store
        self._sealing = sealing
        self._now = now

    def new_secret(self, user_id: str) -> tuple[str, bytes]:
        """A secret for the account, and how it is stored."""
        secret = new_secret()
        return secret, self._sealing.seal(secret, user_id)

    async def accepts(self, user: User, code: Code, traceparent: str | None) -> bool:
        """Whether the code is the account's, and was not used before: now it is."""
        if code.recovery:
            mail_id, now = str(uuid7()), self._now()
            return await self._store.spend_recovery_code(
                user.id,
                hash_of(code.recovery),
                lambda left: recovery_code_used(user, left, mail_id, now, traceparent),
            )
        totp = await self._store.find(user.id)
        step = self.step(user.id, totp.sealed, code.totp) if totp else None
        return step is not None and await self._store.spend_step(user.id, step)

    def step(self, user_id: str, sealed: bytes, totp_code: str) -> int | None:
        """The 30 seconds that the code belongs to; None when it is none of now.

        Neither is it when nobody can read the secret any more; recovery codes are good then.
        """
        try:
            return step_of(totp_code, self._sealing.open(sealed, user_id), self._now())
        except Unreadable:
            _log.exception("totp.secret_unreadable", user_id=user_id)
            return None

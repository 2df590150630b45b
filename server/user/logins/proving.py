"""Lets somebody who is signed in prove that they know the account's password."""

from server.user.accounts.rules import User
from server.user.logins.rules import WrongPassword
from server.user.logins.store import CredentialStore
from server.user.passwords.hashing import PasswordHasher
from server.user.throttling.rules import sources_of_caller
from server.user.throttling.throttle import Throttle


class CurrentPassword:
    """Checks the password that an account has now."""

    def __init__(self, store: CredentialStore, hasher: PasswordHasher, throttle: Throttle) -> None:
        self._store = store
        self._hasher = hasher
        self._throttle = throttle

    async def prove(self, user_id: str, password: str) -> tuple[User, bytes]:
        """The account and the hash that it has, if `password` is its own.

        Raises `WrongPassword`, also for an account without one, `TooManyFailures`, and what stores
        and hasher do.
        """
        sources = sources_of_caller(user_id)
        await self._throttle.check(sources)
        found = await self._store.get(user_id)
        password_hash = found.password_hash
        checked = await self._hasher.check(password, password_hash)
        if password_hash is None or not checked.matches:
            await self._throttle.failed(sources)
            raise WrongPassword
        await self._throttle.check(sources)
        return found.user, password_hash

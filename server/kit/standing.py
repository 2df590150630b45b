"""What an account may do now, whatever the token says that was signed for it minutes ago."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol
from uuid import UUID

from server.kit import errors
from server.kit.context import Caller, Role, lesser
from server.kit.loader import Load, Loader

KEEP_SECONDS = 1.0  # as the contract says of rpcs that are fresh BY_ROLE
_KEEP_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Standing:
    """An account, as far as it decides what its owner may do."""

    role: Role
    is_active: bool


class Accounts(Protocol):
    """The accounts behind the tokens of callers who are people."""

    async def current(self, caller: Caller, *, exact: bool) -> Caller:
        """`caller`, with the role that the account has now, or its own if that is the lesser one.

        Not `exact`: that it had at most a second ago. By a copy it may be 5 s old. Raises
        `AccountInactive` for an account that was deleted or disabled, `SessionEnded` for a session
        that has ended, and `Unavailable` when nobody can say.
        """


class _Known(NamedTuple):
    standing: Standing | None  # None: there is no such account
    at: float  # by the clock, when it was asked for


class Standings:
    """`Accounts` of the service that keeps them, through `read` of `batch_max` ids at most.

    `read` also takes what has ended of them into this process's copy of the revocations, and
    `checked` goes by that: see `Revocations`.
    """

    def __init__(
        self,
        read: Load[str, Standing],
        checked: Callable[[Caller], Caller],
        *,
        batch_max: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._checked = checked
        self._clock = clock
        self._known: dict[str, _Known] = {}  # oldest first
        self._loader: Loader[str, Standing] = Loader(self._load, batch_max=batch_max)

    async def current(self, caller: Caller, *, exact: bool) -> Caller:
        known = None if exact else self._known.get(caller.id)
        if known is not None and self._clock() - known.at < KEEP_SECONDS:
            return _standing_as(known.standing, caller)
        if not _is_id(caller.id):
            raise _inactive()
        standing = await self._loader.get(caller.id)
        return self._checked(_standing_as(standing, caller))

    def forget(self, user_id: str) -> None:
        """The account has changed: the next caller's is read anew."""
        self._known.pop(user_id, None)

    async def close(self) -> None:
        """Ends the reading that nobody waits for any more."""
        await self._loader.close()

    async def _load(self, user_ids: Sequence[str]) -> Mapping[str, Standing]:
        now = self._clock()
        found = await self._read(user_ids)
        for user_id in user_ids:
            self._known.pop(user_id, None)
            if len(self._known) >= _KEEP_MAX:
                del self._known[next(iter(self._known))]
            self._known[user_id] = _Known(found.get(user_id), now)
        return found


def _standing_as(standing: Standing | None, caller: Caller) -> Caller:
    if standing is None or not standing.is_active:
        raise _inactive()
    # A token gives no more than it was signed for: who was promoted gets another one.
    role = lesser(standing.role, caller.role)
    return caller if role is caller.role else replace(caller, role=role)


def _inactive() -> errors.AccountInactive:
    return errors.AccountInactive("the account was deleted or disabled")


def _is_id(user_id: str) -> bool:
    """Whether an account may have that id; one that none can have would spoil a whole batch."""
    try:
        return str(UUID(user_id)) == user_id
    except ValueError:
        return False

"""What an account may do now, whatever the token says that was signed for it minutes ago."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol
from uuid import UUID

from server.kit import errors
from server.kit.context import Caller, Role
from server.kit.loader import Load, Loader

KEEP_SECONDS = 1.0  # as the contract says of rpcs that are fresh BY_ROLE
_KEEP_MAX = 10_000
_RANKS = {Role.CUSTOMER: 0, Role.STAFF: 1, Role.ADMIN: 2}


@dataclass(frozen=True, slots=True)
class Standing:
    """An account, as far as it decides what its owner may do."""

    role: Role
    is_active: bool


class Accounts(Protocol):
    """The accounts behind the tokens of callers who are people."""

    async def current(self, caller: Caller, *, exact: bool) -> Caller:
        """`caller`, with the role that the account has now, or its own if that is the lesser one.

        Not `exact`: that it had at most a second ago. Raises `AccountInactive` for an account that
        was deleted or disabled, and `Unavailable` when nobody can say.
        """


class _Known(NamedTuple):
    standing: Standing | None  # None: there is no such account
    at: float  # by the clock, when it was asked for


class Standings:
    """`Accounts`, through `read`, which may be asked for `batch_max` ids at once.

    An answer that is kept anyway is exact for `exact_seconds`: longer than 0 only where asking is a
    call of another service.
    """

    def __init__(
        self,
        read: Load[str, Standing],
        *,
        batch_max: int,
        exact_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = read
        self._exact_seconds = exact_seconds
        self._clock = clock
        self._known: dict[str, _Known] = {}  # oldest first
        self._loader: Loader[str, Standing] = Loader(self._load, batch_max=batch_max)

    async def current(self, caller: Caller, *, exact: bool) -> Caller:
        known = self.known(caller, self._exact_seconds if exact else KEEP_SECONDS)
        if known is not None:
            return known
        if not _is_id(caller.id):
            raise _inactive()
        return _standing_as(await self._loader.get(caller.id), caller)

    def known(self, caller: Caller, seconds_max: float | None = None) -> Caller | None:
        """As `current`, by an answer that is no older than that; None when there is none."""
        known = self._known.get(caller.id)
        if known is None:
            return None
        if seconds_max is not None and self._clock() - known.at >= seconds_max:
            return None
        return _standing_as(known.standing, caller)

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
    is_less = _RANKS[standing.role] < _RANKS[caller.role]
    return replace(caller, role=standing.role) if is_less else caller


def _inactive() -> errors.AccountInactive:
    return errors.AccountInactive("the account was deleted or disabled")


def _is_id(user_id: str) -> bool:
    """Whether an account may have that id; one that none can have would spoil a whole batch."""
    try:
        return str(UUID(user_id)) == user_id
    except ValueError:
        return False

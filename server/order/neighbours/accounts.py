"""Asks the user service what callers' accounts let them do, and goes on for a while without it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import structlog

import emporium
from emporium.deadline import time_left
from emporium.resources.users import BATCH_GET_MAX
from server.kit import errors
from server.kit.background import Job
from server.kit.context import Caller, Role
from server.kit.loader import Load
from server.kit.standing import KEEP_SECONDS, Standing, Standings
from server.kit.telemetry import brief

# These three stand in the contract, at `emporium.options.v1.Access.Fresh`: `KEEP_SECONDS`, that the
# last answer decides while the user service is away, and for how long it may.
_UNHEARD_SECONDS_MAX = 30.0

_CALL_SECONDS = 1.0  # one call with its repeats
_WAIT_SECONDS = 3.0  # for the answer: a call under way and the one after it
_LISTEN_SECONDS = 2.0  # how long nobody may have asked before we ask by ourselves
# For how long a user service that did not answer is not asked again: what does not wait for it goes
# on, and what does is told when to come back.
_RETRY_AFTER_SECONDS = 1.0
_NOBODY = "00000000-0000-0000-0000-000000000000"

_log = structlog.get_logger()


class AskedAccounts:
    """`Accounts`, through `ask`, which raises `Unavailable` when nobody answers.

    The user service counts as heard when this begins, so that a process that was just started does
    not refuse orders before it could ask.
    """

    def __init__(
        self, ask: Load[str, Standing], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._heard_at = clock()
        self._away_until: float | None = None  # None: it answered when it was last asked
        self._standings = Standings(
            self._load, batch_max=BATCH_GET_MAX, exact_seconds=KEEP_SECONDS, clock=clock
        )

    async def current(self, caller: Caller, *, exact: bool) -> Caller:
        known = self._standings.known(caller, KEEP_SECONDS)
        if known is not None:
            return known
        try:
            async with asyncio.timeout(time_left(_WAIT_SECONDS)):
                return await self._standings.current(caller, exact=exact)
        except errors.Unavailable:
            if exact and self._clock() - self._heard_at >= _UNHEARD_SECONDS_MAX:
                raise
            return self._standings.known(caller) or caller

    async def listen(self) -> None:
        """Asks, if nobody has lately, so that it is known since when the user service is away."""
        if self._clock() - self._heard_at >= _LISTEN_SECONDS and not self._is_away():
            try:
                await self._load([_NOBODY])
            except errors.Unavailable:
                return  # noted by `_load`

    async def close(self) -> None:
        """Ends the call that nobody waits for any more."""
        await self._standings.close()

    def _is_away(self) -> bool:
        return self._away_until is not None and self._clock() < self._away_until

    async def _load(self, user_ids: Sequence[str]) -> Mapping[str, Standing]:
        if self._is_away():
            raise _unavailable()
        try:
            found = await self._ask(user_ids)
        except errors.Unavailable as error:
            if self._away_until is None:
                _log.warning("accounts.away", error=brief(error.__cause__ or error))
            self._away_until = self._clock() + _RETRY_AFTER_SECONDS
            raise
        if self._away_until is not None:
            _log.info("accounts.heard_again")
        self._heard_at, self._away_until = self._clock(), None
        return found


def listening(accounts: AskedAccounts) -> Job:
    """What keeps `accounts` informed while nobody calls."""
    return Job("accounts_listening", accounts.listen, every_seconds=_LISTEN_SECONDS)


@asynccontextmanager
async def asked_accounts(shop: emporium.Emporium) -> AsyncIterator[AskedAccounts]:
    """Accounts over `shop`, closed when the block ends."""

    async def ask(user_ids: Sequence[str]) -> Mapping[str, Standing]:
        try:
            users = await shop.users.batch_get(user_ids, timeout_seconds=_CALL_SECONDS)
        except emporium.EmporiumError as error:
            # Whatever the reason, nobody has vouched for these accounts.
            raise _unavailable() from error
        return {user.id: _standing(user) for user in users}

    accounts = AskedAccounts(ask)
    try:
        yield accounts
    finally:
        await accounts.close()


def _standing(user: emporium.User) -> Standing:
    return Standing(Role(emporium.Role.Name(user.role)), user.status == emporium.User.ACTIVE)


def _unavailable() -> errors.Unavailable:
    return errors.Unavailable(
        "the user service cannot be reached", retry_after_seconds=_RETRY_AFTER_SECONDS
    )

"""Keeps a copy of the revocations up to date by a stream of another service, and knows its age."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import structlog

from emporium.type.v1.revocation_pb2 import Revocation
from server.kit import background, errors
from server.kit.background import Job
from server.kit.backoff import Backoff
from server.kit.context import Caller
from server.kit.revocations import Revocations, show
from server.kit.telemetry import brief

FRESH_SECONDS_MAX = 5.0  # as the contract says, at `emporium.options.v1.Access.Fresh`
_RETRY_AFTER_SECONDS = 1.0
_SILENCE_SECONDS_MAX = 3.0  # of a stream that has a message each second
_BACKOFF = Backoff(first_seconds=0.05, seconds_max=1.0)
_PATIENCE_SECONDS = 2.0  # of a process that begins, before it serves without a live copy

_log = structlog.get_logger()


class _Duration(Protocol):
    def ToTimedelta(self) -> timedelta: ...  # noqa: N802 - Protobuf's name


class Part(Protocol):
    """A part of the feed: `emporium.user.v1.WatchRevocationsResponse`."""

    @property
    def revocations(self) -> Iterable[Revocation]: ...
    @property
    def position(self) -> int: ...
    @property
    def complete(self) -> bool: ...
    @property
    def read_after(self) -> _Duration: ...
    @property
    def keep_for(self) -> _Duration: ...


Watch = Callable[[int], AsyncGenerator[Part, None]]
"""Gives the feed after a position, until the stream ends."""


class LiveAccounts:
    """`Accounts` by a copy, while that is no older than `FRESH_SECONDS_MAX`.

    For services that keep no accounts. Of a process that has just begun the copy is too old until
    all of the feed was heard.
    """

    def __init__(
        self, revocations: Revocations, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._revocations = revocations
        self._clock = clock
        self._heard_at: float | None = None
        self.first_heard = asyncio.Event()

    def heard(self, at: float) -> None:
        """The copy holds all that there was at that time."""
        self._heard_at = at if self._heard_at is None else max(at, self._heard_at)
        self.first_heard.set()

    @property
    def age_seconds(self) -> float:
        """How old the copy may be; without an end before all was heard."""
        return math.inf if self._heard_at is None else self._clock() - self._heard_at

    @property
    def is_live(self) -> bool:
        """Whether the copy may decide."""
        return self.age_seconds < FRESH_SECONDS_MAX

    async def current(self, caller: Caller, *, exact: bool) -> Caller:
        """See `Accounts`; what is exact and what is not are the same here."""
        if not self.is_live:
            raise errors.Unavailable(
                "what has become of accounts is not known at the moment",
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            )
        return self._revocations.checked(caller)


class Following:
    """Holds one stream open, and opens it again where it broke off."""

    def __init__(
        self,
        watch: Watch,
        failure: type[Exception],
        revocations: Revocations,
        accounts: LiveAccounts,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`watch` raises `failure` when there is no stream, whyever."""
        self._watch = watch
        self._failure = failure
        self._revocations = revocations
        self._accounts = accounts
        self._clock = clock
        self._position = 0
        self._failures = 0  # since something was heard

    async def run(self) -> None:
        """Follows until cancelled."""
        while True:
            try:
                await self._follow()
            except (self._failure, TimeoutError) as error:
                if self._failures == 1:  # one cut is none: connections have an age
                    _log.warning("revocations.away", error=brief(error))
            self._failures += 1
            await asyncio.sleep(_BACKOFF.delay(self._failures))

    async def _follow(self) -> None:
        """Returns when the stream has ended in good order; raises `TimeoutError` for silence."""
        began = self._clock()
        async with aclosing(self._watch(self._position)) as parts:
            while (part := await _next(parts)) is not None:
                self._revocations.add(part.revocations, part.keep_for.ToTimedelta().total_seconds())
                self._position = part.position
                if part.complete:
                    self._accounts.heard(began + part.read_after.ToTimedelta().total_seconds())
                if self._failures > 1:
                    _log.info("revocations.heard_again", failures=self._failures)
                self._failures = 0


async def _next(parts: AsyncGenerator[Part, None]) -> Part | None:
    async with asyncio.timeout(_SILENCE_SECONDS_MAX):
        return await anext(parts, None)


@dataclass(frozen=True)
class Live:
    """What a process knows by the feed: of tokens, and of who calls."""

    revocations: Revocations
    accounts: LiveAccounts


@asynccontextmanager
async def live_copy(watch: Watch, failure: type[Exception]) -> AsyncIterator[Live]:
    """A copy that is kept up to date while the block runs.

    `watch` raises `failure` when there is no stream. The copy is live when the block begins, unless
    the other service is away: then it becomes so as soon as that is back.
    """
    live = Live(revocations := Revocations(), accounts := LiveAccounts(revocations))
    follower = Following(watch, failure, revocations, accounts)
    show(revocations, lambda: accounts.age_seconds)
    async with background.running(Job("revocations_following", follower.run)):
        with suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await accounts.first_heard.wait()
        yield live

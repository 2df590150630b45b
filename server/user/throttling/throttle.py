"""Refuses attempts to prove who somebody is, once too many have failed.

    await throttle.check(sources)       # before anything is tried
    if not proved:
        await throttle.failed(sources)  # counts, and then the caller is told what was wrong
    await throttle.check(sources)       # before anything that a proof opens
    ...
    await throttle.passed(sources)

Attempts that run at the same time are all tried, but what each was tells nothing beyond the limit:
whoever is the first to fail too often is told so instead, and so is whoever was right after that.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import structlog

from server.kit import errors
from server.user.throttling.rules import Failures, Limits, Source, check_failures
from server.user.throttling.store import FailureStore

_log = structlog.get_logger()


class Throttle:
    """Counts failures in `store`, where they are known by keys made with `secret`."""

    def __init__(
        self, store: FailureStore, limits: Limits, secret: bytes, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._limits = limits
        self._secret = secret
        self._now = now

    async def check(self, sources: Sequence[Source]) -> None:
        """Raises `TooManyFailures`, and what the store does."""
        now = self._now()
        found = await self._store.find([each.key(self._secret) for each in sources], now)
        check_failures(self._limited(sources, found), now)

    async def failed(self, sources: Sequence[Source]) -> None:
        """Counts a failure. Raises `TooManyFailures` when it is one more than there may be."""
        now = self._now()
        keys = [each.key(self._secret) for each in sources]
        found = await self._store.add(keys, now, now + self._limits.window)
        before = {key: Failures(was.count - 1, was.expires_at) for key, was in found.items()}
        check_failures(self._limited(sources, before), now)

    async def passed(self, sources: Sequence[Source]) -> None:
        """Forgets what has failed of the first source; where that fails, it expires."""
        try:
            await self._store.clear(sources[0].key(self._secret))
        except errors.Unavailable as error:
            _log.warning("failures_not_cleared", reason=error.reason)

    def _limited(
        self, sources: Sequence[Source], found: Mapping[bytes, Failures]
    ) -> list[tuple[Failures, int]]:
        keys = {each.key(self._secret): each for each in sources}
        return [(failures, self._limits.of(keys[key])) for key, failures in found.items()]

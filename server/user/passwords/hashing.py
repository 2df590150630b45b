"""Password hashes by bcrypt, on threads of their own.

One hash takes a quarter of a second of a core, on purpose. The threads run at a low priority and
the event loop interrupts them, so that other calls keep nearly all of their rate, and the number of
waiting hashes is bounded.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cache, partial
from itertools import product
from typing import NamedTuple, TypeVar

import bcrypt

from server.kit import errors, priority
from server.kit.shares import sharer
from server.user.passwords.rules import forms

# With a core kept busy by other calls, a login takes 4 s, and two logins at a time leave those
# calls 0.9 of their rate. At 19 they leave all of it, but a login takes 14 s, longer than its
# deadline (two cores, Debian 12, November 2026).
_NICE = 12
_WAITING_MAX_PER_THREAD = 16
# Of those, what may wait on one caller's account: so somebody who opens a hundred accounts at once
# keeps nobody else from signing in.
_SHARE = 0.25
_DIGEST_LENGTH = 31  # characters of a bcrypt hash that follow its cost and salt

T = TypeVar("T")


class Checked(NamedTuple):
    """What comparing a password with a hash has shown."""

    matches: bool
    is_outdated: bool  # it matches, and a hash made now would be of another form or cost


def hashed(password: str, cost: int) -> bytes:
    """A salted hash of `password`, as it is spelled now. Blocks."""
    return bcrypt.hashpw(forms(password)[0], bcrypt.gensalt(cost))


def check(password: str, password_hash: bytes | None, cost: int) -> Checked:
    """Compares `password` with its hash; None matches nothing. Blocks.

    What that costs follows from `password` and `cost`, whatever the account: every form is tried,
    and with a hash that was made at a lower cost as much work is added as that saves.
    """
    tried = forms(password)
    compared = password_hash if password_hash and tried else _no_account(cost)
    found = [bcrypt.checkpw(form, compared) for form in tried or [b""]]
    made_at = _cost(compared)
    # 2 ** n + 2 ** n + 2 ** (n + 1) + ... + 2 ** (cost - 1) is 2 ** cost.
    for lower, form in product(range(made_at, cost), tried):
        bcrypt.checkpw(form, _no_account(lower))
    return Checked(any(found), any(found) and (made_at != cost or not found[0]))


def _cost(password_hash: bytes) -> int:
    return int(password_hash.split(b"$")[2])


@cache
def _no_account(cost: int) -> bytes:
    """What no password has for its hash: a salt followed by padding."""
    return bcrypt.gensalt(cost) + b"." * _DIGEST_LENGTH


class PasswordHasher:
    """Hashes and checks passwords of at most 72 bytes."""

    def __init__(self, executor: ThreadPoolExecutor, cost: int, waiting_max: int) -> None:
        self._executor = executor
        self._cost = cost
        self._waiting_max = waiting_max
        self._waiting: Counter[str] = Counter()  # by whose account they are on
        self._relax: Callable[[], None] | None = None  # while the loop is prompt

    async def hash(self, password: str) -> bytes:
        """A salted hash. Raises `Unavailable` when too many hashes are waiting."""
        return await self._run(lambda: hashed(password, self._cost))

    async def check(self, password: str, password_hash: bytes | None) -> Checked:
        """Compares, as `check` does. Raises `Unavailable` when too many hashes are waiting."""
        return await self._run(lambda: check(password, password_hash, self._cost))

    async def _run(self, work: Callable[[], T]) -> T:
        name = sharer.get()
        share = self._waiting_max * _SHARE if name else self._waiting_max
        if self._waiting.total() >= self._waiting_max or self._waiting[name] >= share:
            raise errors.Unavailable("too many people are signing in", retry_after_seconds=2)
        self._count(name, 1)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._count(name, -1)

    def _count(self, name: str, change: int) -> None:
        """While anybody waits, the event loop interrupts the hashing."""
        self._waiting[name] += change
        if not self._waiting[name]:
            del self._waiting[name]
        if self._waiting and self._relax is None:
            self._relax = priority.prompt()
        elif self._relax and not self._waiting:
            self._relax()
            self._relax = None


@asynccontextmanager
async def hashing(cost: int, threads: int) -> AsyncIterator[PasswordHasher]:
    """A hasher with `threads` threads of its own, which end with the block."""
    executor = ThreadPoolExecutor(threads, "bcrypt", initializer=partial(priority.lower, _NICE))
    try:
        yield PasswordHasher(executor, cost, threads * _WAITING_MAX_PER_THREAD)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)

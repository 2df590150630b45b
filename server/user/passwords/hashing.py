"""Password hashes by bcrypt, on threads of their own.

One hash takes a quarter of a second of a core, on purpose. The threads run at a low priority,
so that other calls keep nearly all of their rate, and the number of waiting hashes is bounded.
"""

import asyncio
import os
import threading
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

import bcrypt

from server.kit import errors
from server.kit.shares import sharer

# With a core kept busy by other calls, a login takes 4 s, and two logins at a time leave those
# calls 0.9 of their rate. At 19 they leave all of it, but a login takes 14 s, longer than its
# deadline (two cores, Debian 12, November 2026).
_NICE = 12
_WAITING_MAX_PER_THREAD = 16
# Of those, what may wait on one caller's account: so somebody who opens a hundred accounts at once
# keeps nobody else from signing in.
_SHARE = 0.25
_BYTES_MAX = 72  # that bcrypt takes; the contract allows no more
_DIGEST_LENGTH = 31  # characters of a bcrypt hash that follow its cost and salt

T = TypeVar("T")


def hashed(password: str, cost: int) -> bytes:
    """A salted hash of `password`, however its letters are composed. Blocks.

    The same letters can be typed as different characters: a Mac sends `e` and an accent where
    others send `é`. NIST SP 800-63B has verifiers normalise them; NFC is the form of most
    keyboards. Where it is longer than bcrypt takes, which few scripts make it, the password is
    hashed as it was sent.
    """
    return bcrypt.hashpw(_forms(password)[0], bcrypt.gensalt(cost))


def made(password: str, password_hash: bytes) -> bool:
    """Whether `hashed` made `password_hash` of `password`. Blocks.

    Hashes from before passwords were normalised are of any form, so all that can have been sent
    are tried. For most passwords they are one.
    """
    return any(bcrypt.checkpw(form, password_hash) for form in _forms(password))


def _forms(password: str) -> list[bytes]:
    forms = (
        unicodedata.normalize("NFC", password),
        password,
        unicodedata.normalize("NFD", password),
    )
    encoded = dict.fromkeys(form.encode() for form in forms)
    return [form for form in encoded if len(form) <= _BYTES_MAX]


class PasswordHasher:
    """Hashes and checks passwords of at most 72 bytes."""

    def __init__(self, executor: ThreadPoolExecutor, cost: int, waiting_max: int) -> None:
        self._executor = executor
        self._cost = cost
        self._waiting_max = waiting_max
        self._waiting: Counter[str] = Counter()  # by whose account they are on
        # Compared with when there is no account, so that a wrong e-mail takes as long as a wrong
        # password. No password has this hash: it is a salt followed by padding.
        self._no_account = bcrypt.gensalt(cost) + b"." * _DIGEST_LENGTH

    async def hash(self, password: str) -> bytes:
        """A salted hash. Raises `Unavailable` when too many hashes are waiting."""
        return await self._run(lambda: hashed(password, self._cost))

    async def matches(self, password: str, password_hash: bytes | None) -> bool:
        """Whether `password` has `password_hash`; False, as slowly, when there is none."""
        compared = password_hash or self._no_account
        return await self._run(lambda: made(password, compared))

    async def _run(self, work: Callable[[], T]) -> T:
        name = sharer.get()
        share = self._waiting_max * _SHARE if name else self._waiting_max
        if self._waiting.total() >= self._waiting_max or self._waiting[name] >= share:
            raise errors.Unavailable("too many people are signing in", retry_after_seconds=2)
        self._waiting[name] += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._waiting[name] -= 1
            if not self._waiting[name]:
                del self._waiting[name]


@asynccontextmanager
async def hashing(cost: int, threads: int) -> AsyncIterator[PasswordHasher]:
    """A hasher with `threads` threads of its own, which end with the block."""
    executor = ThreadPoolExecutor(threads, "bcrypt", initializer=_lower_priority)
    try:
        yield PasswordHasher(executor, cost, threads * _WAITING_MAX_PER_THREAD)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _lower_priority() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)

"""The logs of all clients, which the limiter's processes share."""

import time
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

from server.limits.log_file import WORD_BYTES, LogFile, Ring
from server.limits.rules import NS, Limit, Verdict, judge

# What was never written is 0 in a log: that must be longer ago than any limit looks back.
EPOCH_NS = 24 * 3_600 * NS


def now() -> int:
    """Ns by a clock that only goes forward, also while the machine sleeps, where there is one."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return EPOCH_NS + time.clock_gettime_ns(clock)


class Store:
    """A log for each of `limits`, in files in `folder`. Raises `OSError` when it cannot be used."""

    def __init__(self, folder: Path, limits: Iterable[Limit]) -> None:
        self._files = {
            limit.name: (limit, LogFile(folder, limit)) for limit in dict.fromkeys(limits)
        }

    @property
    def begun_anew(self) -> list[str]:
        """The names of the limits whose counts an earlier process did not leave behind."""
        return [name for name, (_, file) in self._files.items() if file.is_new]

    def close(self) -> None:
        """Lets go of the files."""
        for _, file in self._files.values():
            file.close()

    def ask(
        self, asked: Iterable[tuple[Limit, str]], moment: int, asked_as: bytes = b""
    ) -> list[Verdict]:
        """Counts a call made at `moment` under each limit and client, or under none.

        What was counted stays so, whichever process dies. Who asks again, because the answer did
        not come, asks as the same, and counts nothing more. Raises `log_file.Full`.
        """
        hashed = {
            (limit.name, self._files[limit.name][1].hashed(client)) for limit, client in asked
        }
        call = blake2b(asked_as, digest_size=WORD_BYTES).digest() if asked_as else b""
        rings: list[tuple[Limit, Ring]] = []
        # Always in the same order, so that no two processes wait for each other.
        clients = sorted(hashed)
        try:
            for name, client in clients:
                limit, file = self._files[name]
                rings.append((limit, file.locked(client, moment)))
            return _judged(rings, moment, call)
        finally:
            for name, client in clients[: len(rings)]:
                self._files[name][1].unlock(client)


def _judged(rings: list[tuple[Limit, Ring]], moment: int, call: bytes) -> list[Verdict]:
    counted = [ring.has_counted(call, moment) for _, ring in rings]
    verdicts = [
        judge(limit, ring.marks, ring.position, moment, is_counted=is_counted)
        for (limit, ring), is_counted in zip(rings, counted, strict=True)
    ]
    if all(verdict.admitted for verdict in verdicts):
        for (_, ring), is_counted in zip(rings, counted, strict=True):
            if not is_counted:
                ring.count(call, moment)
    return [verdict.beside(verdicts) for verdict in verdicts]

"""A file of the logs of one class's clients.

It is mapped into the memory of each process, so that a call costs no copy, and whatever a process
wrote before it was killed is there for the next. The kernel frees the locks of a process that dies.
The counts do not outlive the machine's own restart: the clock that they are by begins anew.

    header: identity, key of the hash
    clients: 8 of each bucket
    positions: the same
    rings: the same; each is marks and, where every call has one of its own, their ids

Only rings take room when they are used, and it is asked for then: memory that turns out not to be
there would kill the process.
"""

import fcntl
import hashlib
import mmap
import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.limits.rules import Limit, Position, charge, is_idle, recovered

LAYOUT = 2
# A client can stand in one of 8 places. In all there are 65,536: more clients than one machine can
# answer in the minute that they are remembered.
BUCKETS = 8_192
PLACES = 8
HEADER_BYTES = 64
IDENTITY_BYTES = 32
CLIENT_BYTES = 16  # a hash
NOBODY = bytes(CLIENT_BYTES)
WORD_BYTES = 8
FILLED_BITS = 32
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
UPTIME_STEP_SECONDS = 600


class Full(Exception):
    """No room: every place of a client belongs to one whose calls still count, or the disk ends."""


class Ring:
    """The log of one client, while it is locked."""

    def __init__(
        self, limit: Limit, mapped: mmap.mmap, words: memoryview, position_at: int, first: int
    ) -> None:
        self._limit = limit
        self._mapped = mapped
        self._words = words
        self._position_at = position_at
        self._ids_at = first + limit.marks
        self.marks = words[first : self._ids_at]
        self.position = recovered(self.marks, self.position)

    @property
    def position(self) -> Position:
        """Where it is written. One word, so that no process can die half way of writing it."""
        word = self._words[self._position_at]
        return Position(word >> FILLED_BITS, word & ((1 << FILLED_BITS) - 1))

    @position.setter
    def position(self, position: Position) -> None:
        self._words[self._position_at] = position.mark << FILLED_BITS | position.filled

    def has_counted(self, call: bytes, now: int) -> bool:
        """Whether the call of that id, of 8 bytes, is one of those that count."""
        if not call or not self._limit.keeps_ids:
            return False
        first, end = self._ids_at * WORD_BYTES, (self._ids_at + self._limit.marks) * WORD_BYTES
        at = self._mapped.find(call, first, end)
        if at < 0 or at % WORD_BYTES:
            return False
        # An id is written before its mark: the mark of one whose process died in between is old.
        return not is_idle(self._limit, self.marks[(at - first) // WORD_BYTES], now)

    def count(self, call: bytes, now: int) -> None:
        """Counts the call of that id, or one without."""
        if self._limit.keeps_ids:
            next_mark = (self.position.mark + 1) % self._limit.marks
            self._words[self._ids_at + next_mark] = int.from_bytes(call, sys.byteorder)
        self.position = charge(self._limit, self.marks, self.position, now)


class LogFile:
    """The file in `folder` for clients of `limit`.

    One of another layout, limit or boot of the machine is replaced by an empty one: then it
    `is_new`. Raises `OSError` when the folder cannot be used.
    """

    def __init__(self, folder: Path, limit: Limit, *, buckets: int = BUCKETS) -> None:
        self._limit = limit
        self._buckets = buckets
        places = buckets * PLACES
        self._positions_at = (HEADER_BYTES + places * CLIENT_BYTES) // WORD_BYTES
        self._rings_at = self._positions_at + places
        self._ring_words = limit.marks * (2 if limit.keeps_ids else 1)
        size = (self._rings_at + places * self._ring_words) * WORD_BYTES
        described = repr((LAYOUT, limit, buckets, _boot()))
        identity = hashlib.blake2b(described.encode(), digest_size=IDENTITY_BYTES).digest()
        path = folder / f"{limit.name}.log"
        with _alone(folder):
            self.is_new = not _is_whole(path, identity, size)
            if self.is_new:
                _write_empty(path, identity, size, self._rings_at * WORD_BYTES)
            self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._map = mmap.mmap(self._file, size)
        self._words = memoryview(self._map).cast("Q")
        self._hash_key = self._map[IDENTITY_BYTES:HEADER_BYTES]

    def close(self) -> None:
        """Lets go of the file, and of every lock in it."""
        self._words.release()
        self._map.close()
        os.close(self._file)

    def hashed(self, client: str) -> bytes:
        """`client` as the file has it: so that nobody can choose who shares a bucket with whom."""
        return hashlib.blake2b(
            client.encode(), digest_size=CLIENT_BYTES, key=self._hash_key
        ).digest()

    def locked(self, client: bytes, now: int) -> Ring:
        """The ring of the client of that hash, which no other process sees until `unlock`.

        Raises `Full`; then nothing is locked.
        """
        bucket = self._bucket(client)
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, bucket)
        try:
            return self._ring(self._place(bucket, client, now))
        except BaseException:
            self.unlock(client)
            raise

    def unlock(self, client: bytes) -> None:
        """Lets others see the ring."""
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, self._bucket(client))

    def _bucket(self, client: bytes) -> int:
        return int.from_bytes(client[:WORD_BYTES], "little") % self._buckets

    def _place(self, bucket: int, client: bytes, now: int) -> int:
        """Where the client stands, in its bucket; a free place there becomes its own."""
        first = HEADER_BYTES + bucket * PLACES * CLIENT_BYTES
        clients = self._map[first : first + PLACES * CLIENT_BYTES]
        present = [
            clients[at : at + CLIENT_BYTES] for at in range(0, PLACES * CLIENT_BYTES, CLIENT_BYTES)
        ]
        if client in present:
            return bucket * PLACES + present.index(client)
        for n, other in enumerate(present):
            place = bucket * PLACES + n
            if other == NOBODY or self._is_idle(place, now):
                self._make_room(place)
                self._map[first + n * CLIENT_BYTES : first + (n + 1) * CLIENT_BYTES] = client
                return place
        raise Full

    def _make_room(self, place: int) -> None:
        first = self._ring_at(place) * WORD_BYTES
        try:
            os.posix_fallocate(self._file, first, self._ring_words * WORD_BYTES)
        except OSError as error:
            raise Full(error.strerror) from error

    def _is_idle(self, place: int, now: int) -> bool:
        ring = self._ring(place)
        return is_idle(self._limit, ring.marks[ring.position.mark], now)

    def _ring(self, place: int) -> Ring:
        position_at = self._positions_at + place
        return Ring(self._limit, self._map, self._words, position_at, self._ring_at(place))

    def _ring_at(self, place: int) -> int:
        return self._rings_at + place * self._ring_words


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """While no other process makes or opens a file of the folder, which is made if absent."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_whole(path: Path, identity: bytes, size: int) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(IDENTITY_BYTES) == identity and path.stat().st_size == size
    except FileNotFoundError:
        return False


def _write_empty(path: Path, identity: bytes, size: int, allocated: int) -> None:
    """A file of which the first bytes take room on the disk, and the others when they are used."""
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        fresh.chmod(0o600)
        file.write(identity + secrets.token_bytes(HEADER_BYTES - IDENTITY_BYTES))
        file.flush()
        os.posix_fallocate(file.fileno(), 0, allocated)
        file.truncate(size)
    fresh.rename(path)


def _boot() -> str:
    """The same for as long as this machine runs: by its kernel, or by when it was started."""
    if BOOT_ID.exists():
        return BOOT_ID.read_text(encoding="ascii")
    return str(round((time.time() - time.monotonic()) / UPTIME_STEP_SECONDS))

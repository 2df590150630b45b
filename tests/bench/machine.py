"""Cores, ports, CPU time and memory of other processes. Linux only."""

import asyncio
import os
import re
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0))

# What is measured has a core to itself; what loads it, and the databases, have the other one.
SERVER_CORE = CORES[0]
LOAD_CORE = CORES[-1]

_LISTEN_SECONDS = 30.0
_POLL_SECONDS = 0.03

# How a PostgreSQL process that serves a TCP client titles itself: role, database, address(port).
_WORKS_FOR_A_CLIENT = re.compile(r"^postgres: \S+ \S+ [\d.]+\(\d+\)")


def pin(pid: int, *cores: int) -> None:
    """Keeps every thread of `pid`, and those it will start, on `cores`."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(ProcessLookupError):  # a thread that has just ended
            os.sched_setaffinity(int(thread.name), cores)


def pin_family(pid: int, *cores: int) -> None:
    """As `pin`, for `pid` and the children it has now."""
    pin(pid, *cores)
    for child in _children(pid):
        with suppress(FileNotFoundError):  # one that has just ended
            pin_family(child, *cores)


@contextmanager
def loading() -> Iterator[None]:
    """Keeps this process on the load core for the time of the block."""
    pin(os.getpid(), LOAD_CORE)
    try:
        yield
    finally:
        os.sched_setaffinity(0, CORES)


def cpu_seconds(pid: int) -> float:
    """The CPU time that all threads of `pid` have had, to the nanosecond."""
    clock = ~pid << 3 | 2  # as clock_getcpuclockid(3) makes it, for which Python has no name
    return time.clock_gettime(clock)


def cpu_by_name(pids: Mapping[str, int], postgres: int | None = None) -> dict[str, float]:
    """The CPU time of each of `pids`, and as `database` what PostgreSQL has spent on its clients.

    `postgres` is the pid of its first process.
    """
    found = {name: cpu_seconds(pid) for name, pid in pids.items()}
    if postgres is not None:
        found["database"] = sum(clients_cpu_seconds(postgres).values())
    return found


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


async def accepting(port: int) -> None:
    """Returns when a process listens on `port`; polled, because nothing announces it."""
    async with asyncio.timeout(_LISTEN_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(_POLL_SECONDS)
            else:
                writer.close()
                return


def resident_mb(pid: int) -> float:
    """The memory that `pid` holds, shared libraries included, in megabytes of 2^20 bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def is_batch(pid: int) -> bool:
    """Whether the kernel schedules `pid` as a batch job."""
    return os.sched_getscheduler(pid) == os.SCHED_BATCH


def clients_cpu_seconds(postgres_pid: int) -> dict[int, float]:
    """The CPU time of each PostgreSQL process that works for a client, by pid."""
    found = {}
    for child in _children(postgres_pid):
        with suppress(OSError):  # one that has just ended
            title = Path(f"/proc/{child}/cmdline").read_bytes().decode(errors="replace")
            if _WORKS_FOR_A_CLIENT.search(title):
                found[child] = cpu_seconds(child)
    return found


def ended_children_cpu_seconds(pid: int) -> float:
    """The CPU time that those children of `pid` had that have ended, to the hundredth."""
    _, _, fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")
    user, system = fields.split()[13:15]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for each in threads for child in (each / "children").read_text().split()]

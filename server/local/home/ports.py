"""Ports on loopback: finds free ones, keeps them free, and names the process that holds a port."""

import functools
import random
import socket
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import psutil

from server.local.errors import LocalError

# Below the range from which Linux takes the local ends of outgoing connections (32768 to 60999), so
# that no other connection takes a port while its owner restarts.
FIRST, LAST = 15_000, 32_000
TRIES = 200
IPV4, IPV6 = "127.0.0.1", "::1"


class HeldByConnection(LocalError):
    """No server has the port: a connection does that somebody has made, or had until just now."""

    def __init__(self, problem: str, port: int, remedy: str) -> None:
        keep = f"`sysctl -w net.ipv4.ip_local_reserved_ports={port}` keeps connections off it"
        super().__init__(problem, f"{remedy} On Linux {keep}.")


def free_ports(count: int, avoid: frozenset[int] = frozenset()) -> list[int]:
    """`count` different ports that nobody has or keeps. Raises `LocalError` without so many."""
    found: list[int] = []
    for candidate in random.SystemRandom().sample(range(FIRST, LAST), TRIES + count):
        if len(found) == count:
            break
        if candidate not in avoid and not _is_kept(candidate) and is_free(candidate):
            found.append(candidate)
    if len(found) < count:
        raise LocalError(
            f"no {count} free ports between {FIRST} and {LAST}", "Stop what holds them."
        )
    return found


@functools.cache
def has_ipv6() -> bool:
    """Whether this machine has ::1, which `localhost` then means as well as 127.0.0.1."""
    return socket.has_ipv6 and _can_bind(socket.AF_INET6, IPV6, 0)


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of loopback now, also of ::1 if there is one."""
    if not _can_bind(socket.AF_INET, IPV4, port):
        return False
    return not has_ipv6() or _can_bind(socket.AF_INET6, IPV6, port)


def _is_kept(port: int) -> bool:
    """Whether a cluster that just starts keeps `port`, though no server listens there yet."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((IPV4, port))
        except OSError:
            return True
    return False


def _can_bind(family: socket.AddressFamily, host: str, port: int) -> bool:
    with _socket(family) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _socket(family: socket.AddressFamily) -> socket.socket:
    """As servers make theirs: connections that a server had are not in the way in TIME_WAIT."""
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made


@contextmanager
def kept(ports: Iterable[int]) -> Iterator[None]:
    """Keeps `ports` from outgoing connections while the block runs; servers may listen there.

    Linux gives no connection a local port that a socket is bound to, also one that never listens.
    Raises `LocalError` for a port that is not free.
    """
    with ExitStack() as stack:
        for port in ports:
            keeper = stack.enter_context(_socket(socket.AF_INET))
            try:
                keeper.bind((IPV4, port))
            except OSError as error:
                raise LocalError(f"port {port} is in use", "Try again.") from error
        yield


def require_free(port: int, purpose: str, remedy: str) -> None:
    """Raises `LocalError` naming `port`, its `purpose` and, where it can be seen, who holds it.

    That is `HeldByConnection` when no server does.
    """
    if is_free(port):
        return
    problem = f"port {port}, wanted for {purpose}, is in use"
    try:
        every = psutil.net_connections("tcp")
    except psutil.AccessDenied:
        raise LocalError(f"{problem} by another user's process", remedy) from None
    there = [each for each in every if each.laddr and each.laddr.port == port]
    servers = [each for each in there if each.status == psutil.CONN_LISTEN]
    if there and not servers:
        raise HeldByConnection(problem + _connection(there[0]), port, remedy)
    raise LocalError(problem + (_process(servers[0].pid) if servers else ""), remedy)


def _connection(there: Any) -> str:
    if there.status == psutil.CONN_TIME_WAIT:
        return " by a connection that ended within the last minute (TIME_WAIT)"
    return f" as the local end of a connection{_process(there.pid)}"


def _process(pid: int | None) -> str:
    if pid is None:
        return ""
    try:
        return f" by {psutil.Process(pid).name()} (process {pid})"
    except psutil.NoSuchProcess:
        return ""
    except psutil.AccessDenied:
        return " by another user's process"

"""Ports on loopback: finds free ones, and names the process that holds a port."""

import functools
import random
import socket

import psutil

from server.local.errors import LocalError

# Below the range from which Linux takes the local ends of outgoing connections (32768 to 60999), so
# that no other connection takes a port while its owner restarts.
FIRST, LAST = 15_000, 32_000
TRIES = 200
IPV6 = "::1"


def free_ports(count: int, avoid: frozenset[int] = frozenset()) -> list[int]:
    """`count` different ports that nobody listens on. Raises `LocalError` without so many."""
    found: list[int] = []
    for candidate in random.SystemRandom().sample(range(FIRST, LAST), TRIES + count):
        if len(found) == count:
            break
        if candidate not in avoid and is_free(candidate):
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
    if not _can_bind(socket.AF_INET, "127.0.0.1", port):
        return False
    return not has_ipv6() or _can_bind(socket.AF_INET6, IPV6, port)


def _can_bind(family: socket.AddressFamily, host: str, port: int) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose last connections are still in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def require_free(port: int, purpose: str, remedy: str) -> None:
    """Raises `LocalError` naming `port`, its `purpose` and, where it can be seen, who holds it."""
    if not is_free(port):
        raise LocalError(f"port {port}, wanted for {purpose}, is in use{_holder(port)}", remedy)


def _holder(port: int) -> str:
    try:
        for connection in psutil.net_connections("inet"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and connection.laddr and connection.laddr.port == port:
                if connection.pid is None:
                    break
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return " by another user's process"
    return ""

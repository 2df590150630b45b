"""Executes another program, having asked for a signal when the parent dies.

`child.py` runs it as a script. What it does (to drop root, to request the signal) belongs between
fork and exec, where a process with threads must not run Python. So this small process does it and
then executes the program. It imports nothing of ours.

    launch.py PARENT_PID DEATH_SIGNAL USER|- PROGRAM ARGUMENT...
"""

import ctypes
import os
import pwd
import resource
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
CAPABILITY_VERSION_3 = 0x20080522
# What a shell may have lowered, by `ulimit`, and each process may raise again to what it may have.
LIMITS = ("RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_FSIZE", "RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_CPU")
UMASK = 0o022


def settle() -> None:
    """Gives this process the usual umask, and every limit as high as it may be."""
    os.umask(UMASK)
    for name in LIMITS:
        limit = getattr(resource, name, None)
        if limit is None:
            continue
        soft, hard = resource.getrlimit(limit)
        if soft != hard:
            try:
                resource.setrlimit(limit, (hard, hard))
            except (ValueError, OSError):
                continue  # macOS names a limit on files that it does not grant


def become(user: str) -> None:
    """Drops root for `user`, keeping on Linux one capability: to pass through closed folders.

    PostgreSQL refuses to run as root. The cluster's home, and the environment that holds the
    binaries, may lie in a folder that only root may enter. The alternative, which the wheel takes,
    is to open those folders to everyone.
    """
    entry = pwd.getpwnam(user)
    capability = _available_capability() if sys.platform == "linux" else None
    if capability is not None:
        _prctl(PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    if capability is not None:
        _keep_only(capability)
    os.environ["HOME"] = "/"
    os.environ["USER"] = os.environ["LOGNAME"] = user


def die_with(parent: int, death_signal: int) -> None:
    """Asks the kernel for `death_signal` when the parent ends; it may have ended already.

    Comes after `become`, because a change of user clears the request.
    """
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent:
        sys.exit(f"{sys.argv[0]}: the parent {parent} has ended")


def _available_capability() -> int | None:
    # Importing pathlib would cost every child 8 ms (Python 3.11, AMD EPYC, November 2026).
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123
        held = next(int(line.split()[1], 16) for line in status if line.startswith("CapPrm:"))
    return next((c for c in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE) if held & (1 << c)), None)


def _keep_only(capability: int) -> None:
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    mask = 1 << capability
    data = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)  # effective, permitted, inheritable
    if ctypes.CDLL(None, use_errno=True).capset(header, data) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability)


def _prctl(option: int, *values: int) -> None:
    arguments = [ctypes.c_ulong(value) for value in (*values, *[0] * (4 - len(values)))]
    if ctypes.CDLL(None, use_errno=True).prctl(option, *arguments) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def main() -> None:
    """Reads the arguments described above and executes the program."""
    parent, death_signal, user = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    program = sys.argv[4:]
    settle()
    if user != "-":
        become(user)
    die_with(parent, death_signal)
    try:
        os.execvp(program[0], program)  # noqa: S606 (a list of our own, and no shell)
    except OSError as error:
        sys.exit(f"{program[0]}: {error.strerror}")


if __name__ == "__main__":
    main()

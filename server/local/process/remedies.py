"""Known messages in a child's log, and what a person can do about each."""

import re

# Searched in this order in the last log lines of a child that died.
REMEDIES: tuple[tuple[str, str], ...] = (
    (
        r"libcurl\.so\.4",
        "mongod needs libcurl: install it (Debian and Ubuntu: `apt-get install libcurl4`).",
    ),
    (
        r"error while loading shared libraries: (?P<library>\S+):",
        "Install the library {library}; `emporium doctor` lists what is missing.",
    ),
    (
        r"No space left on device|ENOSPC|Not enough space",
        "The disk is full: free some space, or choose another --home.",
    ),
    (
        r"[Aa]ddress already in use|Failed to bind|cannot bind|is the port in use\?",
        "A port is in use: stop its holder, or choose another --edge-port.",
    ),
    (
        r"database files are incompatible|initialized by PostgreSQL version",
        "These files are another PostgreSQL's: choose a new --home, or move them with pg_dump.",
    ),
    (
        r"data directory .* has (wrong ownership|invalid permissions)",
        "The home was made by another user: run as that user, or choose a new --home.",
    ),
    (
        r"[Pp]ermission denied",
        "The home must be writable, and not made by another user: choose a new --home.",
    ),
    (
        r"fs\.inotify",
        "Too many files are watched: `sysctl -w fs.inotify.max_user_instances=1024` allows more.",
    ),
    (r"Cannot allocate memory|out of memory|Killed", "The machine is short of memory."),
)


def remedy_for(lines: list[str]) -> str:
    """The remedy for the first known message in `lines`; empty when there is none."""
    text = "\n".join(lines)
    for pattern, remedy in REMEDIES:
        found = re.search(pattern, text)
        if found:
            return remedy.format(**found.groupdict())
    return ""

"""Hands a cluster's options over to the process that supervises it.

They go through a pipe, because a database's URL holds a password and arguments can be read by every
user of the machine.
"""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from server.local.options import ClusterOptions
from server.local.process.surroundings import PYTHON, for_supervisor

COMMAND = (*PYTHON, "-u", "-m", "server.cli.supervise")


def options_pipe(options: ClusterOptions) -> int:
    """A descriptor, to be inherited, from which `read_options` reads `options`."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        json.dump(asdict(options), stream, default=str)
    return reading


def read_options(descriptor: int) -> ClusterOptions:
    """What `options_pipe` wrote."""
    with os.fdopen(descriptor, encoding="utf-8") as stream:
        content = json.load(stream)
    content |= {"home": Path(content["home"]), "cors_origins": tuple(content["cors_origins"])}
    return ClusterOptions(**content)


def become_supervisor(options: ClusterOptions) -> None:
    """Replaces this process by the supervisor of a cluster; does not return.

    This one has loaded the command line's libraries and the client, which a supervisor would hold
    in memory for as long as the cluster runs.
    """
    descriptor = options_pipe(options)
    os.set_inheritable(descriptor, True)
    sys.stdout.flush()
    os.chdir("/")
    os.execve(COMMAND[0], [*COMMAND, str(descriptor)], for_supervisor())  # noqa: S606 -- a list of our own, no shell

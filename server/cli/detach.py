"""`emporium up --detach`: a supervisor of its own, awaited until it is ready."""

import os
import subprocess

from server.cli.handover import COMMAND, options_pipe
from server.cli.progress import relay
from server.local.errors import LocalError
from server.local.home.folder import AlreadyRunning, Home
from server.local.options import ClusterOptions
from server.local.process.surroundings import for_supervisor
from server.local.progress import Progress


def detached(options: ClusterOptions, progress: Progress) -> float:
    """Starts a supervisor and returns its ready time in seconds.

    Its progress is shown while it starts. Raises `LocalError` when it does not come up. Ctrl-C
    meanwhile stops it again.
    """
    home = Home.at(options.home)
    home.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    receiving, sending = os.pipe()
    given = options_pipe(options)
    with home.log_file("supervisor").open("ab") as log:
        supervisor = subprocess.Popen(
            [*COMMAND, str(given), str(sending)],
            cwd="/",
            env=for_supervisor(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[given, sending],
            start_new_session=True,
        )
    os.close(given)
    os.close(sending)
    try:
        with os.fdopen(receiving, encoding="utf-8") as events:
            for line in events:
                message = relay(line, progress)
                if message["event"] == "ready":
                    # It outlives this process; Popen would warn of a child that was not awaited.
                    supervisor.returncode = 0
                    return float(message["seconds"])
                if message["event"] == "refused":
                    supervisor.wait()
                    raise _refusal(message)
    except KeyboardInterrupt:
        supervisor.terminate()
        supervisor.wait()
        raise
    raise LocalError(
        f"the supervisor ended with {supervisor.wait()} before it was ready",
        f"Its log is {home.log_file('supervisor')}.",
    )


def _refusal(message: dict[str, str]) -> LocalError:
    kind = AlreadyRunning if "already runs" in message["problem"] else LocalError
    return kind(message["problem"], message["remedy"])

"""Progress of a cluster's start: as log lines, and as events on a pipe."""

import json
import time
from contextlib import suppress
from typing import IO, Any

from server.local.progress import Progress


class PlainProgress:
    """A line for each thing that happens; for logs and pipes."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def started(self, step: str) -> None:
        """See `Progress`."""

    def finished(self, step: str, seconds: float, note: str) -> None:
        """See `Progress`."""
        self._write(f"{step}: ready in {seconds:.1f} s {note}".rstrip())

    def failed(self, step: str) -> None:
        """See `Progress`."""
        self._write(f"{step}: failed")

    def reported(self, text: str) -> None:
        """See `Progress`."""
        self._write(text)

    def _write(self, text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')}  {text}", file=self._stream, flush=True)


class PipedProgress:
    """A JSON object a line, for `relay` in the process that waits for us.

    Everything goes to `log` too, because that process may have ended.
    """

    def __init__(self, pipe: IO[str], log: Progress) -> None:
        self._pipe = pipe
        self._log = log

    def started(self, step: str) -> None:
        """See `Progress`."""
        self._log.started(step)
        self.send("started", step=step)

    def finished(self, step: str, seconds: float, note: str) -> None:
        """See `Progress`."""
        self._log.finished(step, seconds, note)
        self.send("finished", step=step, seconds=seconds, note=note)

    def failed(self, step: str) -> None:
        """See `Progress`."""
        self._log.failed(step)
        self.send("failed", step=step)

    def reported(self, text: str) -> None:
        """See `Progress`."""
        self._log.reported(text)
        self.send("reported", text=text)

    def send(self, event: str, **details: Any) -> None:
        """Sends an event, unless the reader has gone."""
        if self._pipe.closed:
            return
        try:
            print(json.dumps({"event": event, **details}), file=self._pipe, flush=True)
        except BrokenPipeError:
            self.finish()

    def finish(self) -> None:
        """Closes the pipe, which ends the wait of its reader."""
        with suppress(BrokenPipeError):  # the reader has ended
            self._pipe.close()


def relay(line: str, progress: Progress) -> dict[str, Any]:
    """Passes on to `progress` what a `PipedProgress` sent; returns the event."""
    message: dict[str, Any] = json.loads(line)
    match message:
        case {"event": "started", "step": step}:
            progress.started(step)
        case {"event": "finished", "step": step, "seconds": seconds, "note": note}:
            progress.finished(step, seconds, note)
        case {"event": "failed", "step": step}:
            progress.failed(step)
        case {"event": "reported", "text": text}:
            progress.reported(text)
    return message

"""Structured logs to standard output: one JSON object a line."""

import asyncio
import atexit
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
import structlog

from server.kit.telemetry.exceptions import told

_LOG_DELAY_SECONDS = 0.05


def configure_logs(level: str, service: str) -> None:
    """One JSON object a line, also for what libraries say through `logging`."""
    # Unbuffered: what a full disk refuses would stay in the buffer, and fail again at the end.
    stream = os.fdopen(sys.stdout.fileno(), "wb", buffering=0, closefd=False)
    lines = _Lines(stream, service)
    atexit.register(lines.write)
    filtering = structlog.make_filtering_bound_logger(logging.getLevelName(level.upper()))
    structlog.configure(
        wrapper_class=type("Logger", (_Logger, filtering), {}),
        logger_factory=lambda *names: lines,
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_ToStructlog()], force=True)
    logging.getLogger("grpc._cython.cygrpc").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """Keeps from the log what gRPC says of a call whose own line says it better.

    A header that it cannot decode is quoted, and may be a token: see `call/ascii_headers.py`. That
    an answer finds nobody is told as an error with a traceback, whenever a caller hangs up just
    before it is sent.
    """
    if record.msg == "Invalid encoding on %s":
        return False
    return not record.getMessage().startswith("ExecuteBatchError raised in core")


@contextmanager
def for_a_person() -> Iterator[None]:
    """Warnings and errors alone, a plain line each on standard error, while the block runs.

    For a command, whose standard output is its answer.
    """
    before = structlog.get_config()
    structlog.configure(
        processors=[_plain],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)


def _plain(logger: Any, level: str, line: structlog.typing.EventDict) -> str:
    if "exc_info" in line:
        line["exception"] = told(line.pop("exc_info"))
    said = [str(line.pop("event")), *(f"{name}={value}" for name, value in line.items())]
    return f"! {' '.join(said)}"


_Line = tuple[float, str, dict[str, Any]]
"""When, as Unix time in seconds; the level; what is said."""


class _Logger:
    """What `structlog` loggers do with a line: nothing but hand it to `_Lines`.

    A chain of processors costs more than the rest of the line, and each call of an rpc writes one:
    17,000 of its 600,000 instructions (structlog 26 by callgrind, November 2026).
    """

    _context: dict[str, Any]
    _logger: "_Lines"

    def _proxy_to_logger(self, level: str, event: str | None = None, **content: Any) -> None:
        if self._context:
            content = {**self._context, **content}
        if "exc_info" in content:
            content["exception"] = told(content.pop("exc_info"))
        content["event"] = event
        getattr(self._logger, level)((time.time(), level, content))


class Stream(Protocol):
    """Where lines go."""

    def write(self, text: bytes, /) -> int | None:
        """Writes as much of `text` as it takes at once, and says how much that was."""


class _Lines:
    """Writes lines: warnings and errors at once, the others together with those that follow soon.

    Written by itself, a line would cost its call more than all that is said in it.
    """

    def __init__(self, stream: Stream, service: str) -> None:
        self._stream = stream
        self._service = service
        self._encode = msgspec.json.Encoder(enc_hook=str).encode
        self._is_torn = False
        self._waiting: list[_Line] = []
        self._loop: asyncio.AbstractEventLoop | None = None  # that will write them

    def soon(self, line: _Line) -> None:
        """Writes `line` within `_LOG_DELAY_SECONDS`."""
        self._waiting.append(line)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # another thread, or before and after serving
            self.write()
            return
        if self._loop is not loop:
            self._loop = loop
            loop.call_later(_LOG_DELAY_SECONDS, self.write)

    def now(self, line: _Line) -> None:
        """Writes what waits, and `line`."""
        self._waiting.append(line)
        self.write()

    debug = info = msg = soon
    warning = error = critical = exception = log = now

    def write(self) -> None:
        """Writes what waits."""
        self._loop = None
        lines, self._waiting = self._waiting, []
        if not lines:
            return
        rest = b"".join(self._worded(line) for line in lines)
        if self._is_torn:  # what is left of a line that met a full disk ends here
            rest = b"\n" + rest
        try:
            while rest:  # an unbuffered stream may take less than it is given
                sent = self._stream.write(rest)
                if not sent:
                    return
                self._is_torn = rest[sent - 1 : sent] != b"\n"
                rest = rest[sent:]
        except (OSError, ValueError):
            # The disk is full, or the stream is closed. The lines are lost, and nothing else:
            # whoever reports may not fail those of whom it reports.
            return

    def _worded(self, line: _Line) -> bytes:
        # Only now, many in a row: between two calls the processor has forgotten how that goes.
        at, level, content = line
        head = {"at": datetime.fromtimestamp(at, UTC), "level": level, "service": self._service}
        return self._encode({**head, **content}) + b"\n"


class _ToStructlog(logging.Handler):
    """Hands on what libraries log."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger(record.name).log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info
        )

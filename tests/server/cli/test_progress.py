"""Progress of a cluster's start on a terminal, in a log and on a pipe."""

import io
import json
import os

from rich.console import Console

from server.cli.live import LiveProgress
from server.cli.options import admin_url
from server.cli.progress import PipedProgress, PlainProgress, relay
from server.local.progress import Progress, Silent


def run_through(progress: Progress) -> None:
    progress.started("tea")
    progress.started("cake")
    progress.finished("tea", 1.25, "hot")
    progress.failed("cake")
    progress.reported("the cat ate it")


def test_a_terminal_shows_what_was_done_and_what_failed() -> None:
    stream = io.StringIO()
    run_through(LiveProgress(Console(file=stream, force_terminal=True, color_system=None)))
    shown = stream.getvalue()
    assert "✓ tea" in shown
    assert "hot" in shown
    assert "✗ cake" in shown
    assert "the cat ate it" in shown


def test_a_log_has_a_line_for_each_thing_that_happened() -> None:
    stream = io.StringIO()
    run_through(PlainProgress(stream))
    lines = [line.partition("  ")[2] for line in stream.getvalue().splitlines()]
    assert lines == ["tea: ready in 1.2 s hot", "cake: failed", "the cat ate it"]


def test_events_sent_to_another_process_are_passed_on_there() -> None:
    sent, log, repeated = io.StringIO(), io.StringIO(), io.StringIO()
    piped = PipedProgress(sent, PlainProgress(log))
    run_through(piped)
    plain = PlainProgress(repeated)
    for line in sent.getvalue().splitlines():
        relay(line, plain)
    assert repeated.getvalue() == log.getvalue()
    piped.finish()
    piped.reported("nobody listens")
    assert "nobody listens" in log.getvalue()


def test_a_reader_that_has_ended_is_no_error() -> None:
    receiving, sending = os.pipe()
    os.close(receiving)
    piped = PipedProgress(os.fdopen(sending, "w"), Silent())
    try:
        piped.send("ready", seconds=1)
    finally:
        piped.finish()


def test_an_event_is_one_line_of_json() -> None:
    sent = io.StringIO()
    PipedProgress(sent, Silent()).reported("two\nlines")
    assert json.loads(sent.getvalue()) == {"event": "reported", "text": "two\nlines"}


def test_an_admins_url_may_be_given_in_parts() -> None:
    assert admin_url("", "", 5432, "postgres", "") == ""
    assert admin_url("postgresql://given", "ignored", 5432, "a", "b") == "postgresql://given"
    assert (
        admin_url("", "db", 5433, "ad min", "p@ss")
        == "postgresql://ad%20min:p%40ss@db:5433/postgres"
    )

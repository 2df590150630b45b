"""A cluster's start as a person, a log and another process see it."""

import io
import json
import os

from rich.console import Console

from server.cli.options import admin_url
from server.cli.progress import LiveProgress, PipedProgress, PlainProgress, relay
from server.local.progress import Progress, Silent


def run_through(progress: Progress) -> None:
    progress.begun("tea")
    progress.begun("cake")
    progress.done("tea", 1.25, "hot")
    progress.failed("cake")
    progress.told("the cat ate it")


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


def test_what_is_sent_to_another_process_is_repeated_there() -> None:
    sent, aside, repeated = io.StringIO(), io.StringIO(), io.StringIO()
    piped = PipedProgress(sent, PlainProgress(aside))
    run_through(piped)
    plain = PlainProgress(repeated)
    for line in sent.getvalue().splitlines():
        relay(line, plain)
    assert repeated.getvalue() == aside.getvalue()
    piped.finish()
    piped.told("nobody listens")
    assert "nobody listens" in aside.getvalue()


def test_a_listener_that_has_gone_is_no_error() -> None:
    receiving, sending = os.pipe()
    os.close(receiving)
    piped = PipedProgress(os.fdopen(sending, "w"), Silent())
    try:
        piped.send("ready", seconds=1)
    finally:
        piped.finish()


def test_an_event_is_one_line_of_json() -> None:
    sent = io.StringIO()
    PipedProgress(sent, Silent()).told("two\nlines")
    assert json.loads(sent.getvalue()) == {"event": "told", "text": "two\nlines"}


def test_an_admins_url_may_be_given_in_parts() -> None:
    assert admin_url("", "", 5432, "postgres", "") == ""
    assert admin_url("postgresql://given", "ignored", 5432, "a", "b") == "postgresql://given"
    assert (
        admin_url("", "db", 5433, "ad min", "p@ss")
        == "postgresql://ad%20min:p%40ss@db:5433/postgres"
    )

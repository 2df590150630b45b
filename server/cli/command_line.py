"""The command line: its commands, and how it ends."""

import sys
from pathlib import Path

import typer
from rich.console import Console

from server.cli import (
    admin,
    dead_letters,
    export,
    importing,
    keys,
    mail,
    orders,
    payments,
    products,
    shipments,
    stock,
    webhooks,
)
from server.cli.audit import audit
from server.cli.doctor import doctor
from server.cli.down import down
from server.cli.erasure import erasure
from server.cli.migrate import migrate
from server.cli.reset import reset
from server.cli.screen import show_error
from server.cli.seed import seed
from server.cli.status import status
from server.cli.up import up
from server.cli.verify import verify
from server.cli.version import version
from server.local.errors import LocalError
from server.local.process import surroundings

app = typer.Typer(
    name="emporium",
    help="Runs Emporium on this machine.",
    epilog="To uninstall: `emporium reset` for each home, then remove the checkout.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.callback()(version)
for command in (up, down, status, doctor, migrate, seed, audit, erasure, verify, reset):
    app.command()(command)
app.add_typer(admin.app)
app.add_typer(dead_letters.app)
app.add_typer(export.app)
app.add_typer(importing.app)
app.add_typer(keys.app)
app.add_typer(mail.app)
for subject in (products, stock, orders, payments, shipments, webhooks):
    app.add_typer(subject.app)


def main() -> int:
    """Runs the command line as this process's own work; gives the exit code."""
    try:
        warnings = surroundings.enter(at_home="--install-completion" in sys.argv)
    except LocalError as error:
        show_error(Console(stderr=True), error)
        return 1
    for warning in warnings:
        print(f"! {warning}", file=sys.stderr)
    return run()


def run() -> int:
    """Runs the command line; gives the exit code. A `LocalError` is shown with its remedy."""
    try:
        _require_folder()
        app()
    except LocalError as error:
        show_error(Console(stderr=True), error)
        return 1
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


def _require_folder() -> None:
    try:
        Path.cwd()
    except OSError as error:
        raise LocalError("the current folder does not exist any more", "Go to another.") from error

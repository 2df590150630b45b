"""The command line: its commands, and how it ends."""

import sys

import typer
from rich.console import Console

from server.cli import dead_letters
from server.cli.doctor import doctor
from server.cli.down import down
from server.cli.import_orders import import_orders
from server.cli.migrate import migrate
from server.cli.screen import show_error
from server.cli.seed import seed
from server.cli.status import status
from server.cli.up import up
from server.local.errors import LocalError

app = typer.Typer(
    name="emporium",
    help="Runs Emporium on this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (up, down, status, doctor, migrate, seed):
    app.command()(command)
app.command("import")(import_orders)
app.add_typer(dead_letters.app)


def main() -> int:
    """Runs the command line; gives the exit code. A `LocalError` is shown with its remedy."""
    try:
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

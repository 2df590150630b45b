"""`emporium admin`: accounts that run the shop, made without one."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from server.cli import options as shared
from server.cli.work import done
from server.local.errors import LocalError
from server.local.home.record import require_running
from server.services import USER

_HELP = "Make an admin's account, or remove a second factor that was lost."

app = typer.Typer(name="admin", help=_HELP, no_args_is_help=True)


@app.callback(help=_HELP)
def admin() -> None:
    """What an operator does to accounts."""


@app.command()
def create(  # noqa: PLR0913 (a parameter for each option)
    *,
    email: Annotated[str, typer.Option(help="With which the admin signs in.")],
    name: Annotated[str, typer.Option(help="The admin's full name.")],
    password_file: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="Holds the password; - is standard input. Asked for when left out.",
            show_default=False,
        ),
    ] = "",
    home: shared.Home = shared.DEFAULT_HOME,
    database_url: shared.DatabaseUrl = "",
    postgres_host: shared.PostgresHost = "",
    postgres_port: shared.PostgresPort = shared.DEFAULT_POSTGRES_PORT,
    postgres_user: shared.PostgresUser = shared.DEFAULT_POSTGRES_USER,
    postgres_password: shared.PostgresPassword = "",
) -> None:
    """Make an admin's account, in the running cluster or the PostgreSQL that is named.

    The password is asked for, or read from a file. An account that has the e-mail already stays as
    it is, and is an error.
    """
    # Imported late: the drivers are slow to load, and the other commands do not need them.
    from server.ops.admin import created
    from server.ops.passwords import PasswordError, password_from

    url = shared.admin_url(
        database_url, postgres_host, postgres_port, postgres_user, postgres_password
    )
    where = _database(home, url)
    try:
        password = password_from(password_file)
    except PasswordError as error:
        raise LocalError(str(error)) from error
    user_id = done(created(where, email, name, password))
    Console().print(f"{email} is an admin: {user_id}", soft_wrap=True, markup=False)


@app.command()
def remove_totp(
    *,
    email: Annotated[str, typer.Option(help="Whose second factor is removed.")],
    home: shared.Home = shared.DEFAULT_HOME,
    database_url: shared.DatabaseUrl = "",
    postgres_host: shared.PostgresHost = "",
    postgres_port: shared.PostgresPort = shared.DEFAULT_POSTGRES_PORT,
    postgres_user: shared.PostgresUser = shared.DEFAULT_POSTGRES_USER,
    postgres_password: shared.PostgresPassword = "",
) -> None:
    """Remove the second factor of somebody who has lost app and recovery codes.

    In the running cluster or the PostgreSQL that is named. A mail tells the account's holder. Make
    sure who is asking: the password alone signs in from then on.
    """
    from server.ops.admin import totp_removed

    url = shared.admin_url(
        database_url, postgres_host, postgres_port, postgres_user, postgres_password
    )
    where = _database(home, url)
    Console().print(done(totp_removed(where, email)), soft_wrap=True, markup=False)


def _database(home: Path, url: str) -> str:
    """Where the user service's accounts are."""
    from server.kit.dsn import at_database

    return at_database(url, USER.postgres) if url else require_running(home).postgres[USER.name]

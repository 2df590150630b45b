"""`emporium migrate`: databases, roles, keys and schema."""

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from server.cli import options as shared
from server.local import keys
from server.local.home import AlreadyRunning, Home
from server.local.postgres import EmbeddedPostgres
from server.local.record import require_running
from server.local.schema import DATABASES, prepare


def migrate(
    home: shared.Home = shared.DEFAULT_HOME,
    database_url: shared.DatabaseUrl = "",
    postgres_host: shared.PostgresHost = "",
    postgres_port: shared.PostgresPort = shared.DEFAULT_POSTGRES_PORT,
    postgres_user: shared.PostgresUser = shared.DEFAULT_POSTGRES_USER,
    postgres_password: shared.PostgresPassword = "",
    user_database_password: Annotated[
        str,
        typer.Option(
            envvar="USER_DATABASE_PASSWORD",
            help="For the user service's role; made up when left out.",
            show_default=False,
        ),
    ] = "",
    order_database_password: Annotated[
        str,
        typer.Option(
            envvar="ORDER_DATABASE_PASSWORD",
            help="For the order service's role; made up when left out.",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Prepare databases, roles and keys, and bring the schema up to date. Repeatable.

    Works on the PostgreSQL that the options or the environment name, else on the running cluster's,
    else on the home's own, which is started for it.
    """
    place = Home.at(home)
    place.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    place.keep_secret("emporium_user", user_database_password)
    place.keep_secret("emporium_order", order_database_password)
    url = shared.admin_url(
        database_url, postgres_host, postgres_port, postgres_user, postgres_password
    )
    keys.ensure(place)
    changed = asyncio.run(_migrate(url, place))
    for service, was_changed in changed.items():
        Console().print(f"{DATABASES[service]}: {'migrated' if was_changed else 'up to date'}")


async def _migrate(url: str, home: Home) -> dict[str, bool]:
    if url:
        return await _prepare(url, home)
    try:
        with home.held():
            log_file = home.log_file("postgres")
            async with EmbeddedPostgres(home.data / "postgres", log_file=log_file) as postgres:
                return await _prepare(postgres.admin_dsn, home)
    except AlreadyRunning:
        return await _prepare(require_running(home.directory).postgres["admin_dsn"], home)


async def _prepare(admin_dsn: str, home: Home) -> dict[str, bool]:
    return {service: await prepare(admin_dsn, service, home) for service in DATABASES}

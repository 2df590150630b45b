"""`emporium migrate`: databases, roles, keys and schema."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Annotated

import typer
from rich.console import Console

from server.cli import options as shared
from server.cli.work import done
from server.local.engines.mongo import EmbeddedMongo
from server.local.engines.postgres import EmbeddedPostgres
from server.local.errors import LocalError
from server.local.home import keys
from server.local.home.credentials import mongo_secret
from server.local.home.folder import AlreadyRunning, Home
from server.local.home.integrity import require_whole
from server.local.home.record import ClusterRecord, read
from server.local.options import require_urls
from server.local.process.surroundings import CHECKOUT
from server.services import SERVICES


def migrate(  # noqa: PLR0913 (a parameter for each option)
    *,
    home: shared.Home = shared.DEFAULT_HOME,
    database_url: shared.DatabaseUrl = "",
    postgres_host: shared.PostgresHost = "",
    postgres_port: shared.PostgresPort = shared.DEFAULT_POSTGRES_PORT,
    postgres_user: shared.PostgresUser = shared.DEFAULT_POSTGRES_USER,
    postgres_password: shared.PostgresPassword = "",
    mongodb_uri: shared.MongodbUri = "",
    database_password: Annotated[
        list[str],
        typer.Option(
            envvar="DATABASE_PASSWORDS",
            metavar="SERVICE=PASSWORD",
            help="For a service's role in PostgreSQL; made up when left out. May be repeated.",
            show_default=False,
        ),
    ] = [],  # noqa: B006 (typer makes a list of its own of it)
    mongodb_password: Annotated[
        list[str],
        typer.Option(
            envvar="MONGODB_PASSWORDS",
            metavar="SERVICE=PASSWORD",
            help="For a service's user in MongoDB; without any, a MongoDB that is not our own gets"
            " no users. May be repeated.",
            show_default=False,
        ),
    ] = [],  # noqa: B006 (typer makes a list of its own of it)
) -> None:
    """Prepare databases, roles and keys, and bring the schema up to date. Repeatable.

    Works on the PostgreSQL and MongoDB that the options or the environment name, else on the
    running cluster's, else on the home's own, which are started for it.
    """
    # Imported late: only this command of those that start nothing writes YAML.
    from server.local.engines import edge

    place = Home.at(home)
    place.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    _keep_passwords(
        database_password, {each.name: each.postgres for each in SERVICES if each.postgres}, place
    )
    _keep_passwords(
        mongodb_password, {each.name: mongo_secret(each) for each in SERVICES if each.mongo}, place
    )
    url = shared.admin_url(
        database_url, postgres_host, postgres_port, postgres_user, postgres_password
    )
    require_urls(url, mongodb_uri)
    require_whole(place)
    keys.ensure(place)
    # For an Envoy in a container; a cluster on this machine writes them at its start.
    edge.write_keys(CHECKOUT / "envoy", place.keys, keys.public_keys(place))
    changed = done(_migrate(url, mongodb_uri, place, makes_users=bool(mongodb_password)))
    for database, was_changed in changed.items():
        Console().print(f"{database}: {'migrated' if was_changed else 'up to date'}")


def _running(home: Home) -> ClusterRecord:
    """The cluster that has locked the home. Raises `LocalError` when it is another command."""
    record = read(home)
    if record is None or not record.is_alive:
        raise LocalError(
            f"another command works in {home.directory}", "Try again when it has ended."
        )
    return record


async def _migrate(
    database_url: str, mongodb_uri: str, home: Home, *, makes_users: bool
) -> dict[str, bool]:
    """Whether anything was to be done, by database. Our own MongoDB always gets its users."""
    # Imported late: the drivers take 0.4 s (AMD EPYC, November 2026), and others need none.
    from server.local.preparation.schema import prepare, prepare_mongo

    async with AsyncExitStack() as stack:
        if not (database_url and mongodb_uri):
            try:
                stack.enter_context(home.locked())
            except AlreadyRunning:
                record = _running(home)
                database_url = database_url or record.postgres["admin_dsn"]
                if not mongodb_uri:
                    mongodb_uri = record.mongodb_uri
                    makes_users |= any(each.name == "mongod" for each in record.processes)
        if not database_url:
            postgres = EmbeddedPostgres(home.data / "postgres", log_file=home.log_file("postgres"))
            database_url = (await stack.enter_async_context(postgres)).admin_dsn
        if not mongodb_uri:
            mongo = EmbeddedMongo(home.data / "mongo", log_file=home.log_file("mongod"))
            mongodb_uri = (await stack.enter_async_context(mongo)).uri
            makes_users = True
        changed = {
            f"{each.postgres} in PostgreSQL": await prepare(database_url, each, home)
            for each in SERVICES
            if each.postgres
        }
        return changed | {
            f"{each.mongo} in MongoDB": await prepare_mongo(
                mongodb_uri, each, home, makes_users=makes_users
            )
            for each in SERVICES
            if each.mongo
        }


def _keep_passwords(texts: list[str], secrets: Mapping[str, str], home: Home) -> None:
    """Keeps what the operator has chosen; `secrets` has by service what a home calls each."""
    for text in texts:
        name, _, password = text.partition("=")
        if name not in secrets:
            raise typer.BadParameter(
                "write SERVICE=PASSWORD, where SERVICE is one of " + ", ".join(secrets)
            )
        home.set_secret(secrets[name], password)

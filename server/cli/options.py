"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from server.kit.dsn import credentials
from server.local.errors import LocalError
from server.local.process.surroundings import for_service

Home = Annotated[
    Path, typer.Option(envvar="EMPORIUM_HOME", help="The cluster's folder.", show_default=True)
]
DatabaseUrl = Annotated[
    str,
    typer.Option(
        envvar="DATABASE_URL",
        help="An admin's URL of a PostgreSQL to use instead of our own.",
        show_default=False,
    ),
]
MongodbUri = Annotated[
    str,
    typer.Option(
        envvar="MONGODB_URI",
        help="A MongoDB replica set to use instead of our own.",
        show_default=False,
    ),
]
PostgresHost = Annotated[
    str,
    typer.Option(envvar="POSTGRES_HOST", help="As --database-url, in parts.", show_default=False),
]
PostgresPort = Annotated[int, typer.Option(envvar="POSTGRES_PORT", hidden=True)]
PostgresUser = Annotated[str, typer.Option(envvar="POSTGRES_USER", hidden=True)]
PostgresPassword = Annotated[str, typer.Option(envvar="POSTGRES_PASSWORD", hidden=True)]

DEFAULT_HOME = Path(".emporium")
DEFAULT_POSTGRES_PORT = 5432
DEFAULT_POSTGRES_USER = "postgres"


def admin_url(url: str, host: str, port: int, user: str, password: str) -> str:
    """The admin's URL, given whole or in parts; empty when neither is given."""
    if url or not host:
        return url
    return f"postgresql://{credentials(user, password)}@{host}:{port}/postgres"


def require_settings() -> None:
    """Raises `LocalError` when a service could not read what the environment tells it."""
    # Imported late, with what it needs to check a value; most commands do not.
    from server import settings

    try:
        settings.read(for_service())
    except settings.SettingsError as error:
        remedy = "It comes from the environment or from .env; .env.example lists what may stand."
        raise LocalError(str(error), remedy) from error

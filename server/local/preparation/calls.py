"""What the helper process does for the supervisor. Arguments and results are plain JSON.

Each call imports what it needs, so that the helper is there at once.
"""

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from server.local.home import record as records
from server.local.home.folder import Home

Folders = dict[str, str]  # of a `Home`


async def make_keys(home: Folders) -> None:
    """See `server.local.home.keys`."""
    from server.local.home import keys

    keys.ensure(_home(home))


async def drop_ended_keys(home: Folders) -> None:
    """See `server.local.rotation`."""
    from server.local import rotation

    # Who rotates drops them as well.
    with suppress(rotation.Rotating), rotation.alone(_home(home)):
        rotation.drop_ended(_home(home))


async def sign_token(home: Folders, user_id: str, role: str, lifetime_seconds: int) -> str:
    """See `server.local.home.keys`."""
    from server.local.home import keys

    return keys.token(_home(home), user_id, role, lifetime_seconds)


async def await_primary(directory: str, port: int, durable: bool) -> None:
    """See `server.local.engines.replica_set`."""
    from server.local.engines.replica_set import await_primary as wait

    await wait(Path(directory), port, durable)


async def await_serving(port: int) -> None:
    """See `server.local.engines.health`."""
    from server.local.engines.health import await_serving as wait

    await wait(port)


async def prepare_postgres(home: Folders, admin_dsn: str, own_postgres: bool) -> list[str]:
    """See `server.local.preparation.schema`."""
    from server.local.preparation.schema import prepare_all_postgres

    return await prepare_all_postgres(admin_dsn, _home(home), own_postgres=own_postgres)


async def prepare_mongo(home: Folders, mongodb_uri: str, own_mongo: bool) -> list[str]:
    """See `server.local.preparation.schema`."""
    from server.local.preparation.schema import prepare_all_mongo

    return await prepare_all_mongo(mongodb_uri, _home(home), own_mongo=own_mongo)


async def make_logins(home: Folders, admin_dsn: str) -> list[dict[str, str]]:
    """See `server.local.preparation.accounts`."""
    from server.local.preparation import accounts

    return [asdict(login) for login in await accounts.ensure(admin_dsn, _home(home))]


async def make_sample_data(home: Folders, admin_dsn: str, record: dict[str, Any]) -> str:
    """Seeds, unless this very database has these data already; returns a note on what it did."""
    from server.local.preparation import seeded

    mark = await seeded.mark_of(admin_dsn)
    if seeded.is_kept(_home(home), mark):
        return "already there"
    from server.local.preparation.seed import seed

    note = str(await seed(records.parse(record)))
    seeded.keep(_home(home), mark)
    return note


async def render_edge(source: str, into: str, jwks: str, options: dict[str, Any]) -> str:
    """See `server.local.engines.edge`."""
    from server.local.engines import edge

    return str(edge.render(Path(source), Path(into), jwks=Path(jwks), **options))


def _home(folders: Folders) -> Home:
    return Home(Path(folders["directory"]), Path(folders["data"]))

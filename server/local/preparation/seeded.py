"""Remembers which database has which sample data, so that a second start need not ask."""

from server.local.home.folder import Home, read_private, write_private
from server.local.preparation.accounts import database_identity
from server.local.preparation.sample_data import VERSION
from server.services import ORDER

Mark = dict[str, str]


async def mark_of(admin_dsn: str) -> Mark:
    """What is remembered of this very database once it has these data."""
    return {"database": await database_identity(admin_dsn, ORDER), "version": VERSION}


def is_kept(home: Home, mark: Mark) -> bool:
    """Whether this was remembered."""
    return read_private(home.data / "seeded.json") == mark


def keep(home: Home, mark: Mark) -> None:
    """Remembers it."""
    write_private(home.data / "seeded.json", mark)

"""Sample data for a database that does not have them yet."""

from server.local.home.folder import Home, read_private, write_private
from server.local.home.record import ClusterRecord
from server.local.preparation.accounts import database_identity
from server.local.preparation.sample_data import VERSION
from server.services import ORDER


async def seed_once(record: ClusterRecord, home: Home, admin_dsn: str) -> str:
    """Seeds, unless this very database has these data already; returns a note on what it did."""
    file = home.data / "seeded.json"
    marker = {"database": await database_identity(admin_dsn, ORDER), "version": VERSION}
    if read_private(file) == marker:
        return "already there"
    # Imported late: a second run does not need the client.
    from server.local.preparation.seed import seed

    seeded = await seed(record, home)
    write_private(file, marker)
    return str(seeded)

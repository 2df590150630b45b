"""`python -m server.order.dead_letters` sends the outbox's dead letters again.

For an operator who has mended what they died of. Takes the same environment as the service.
"""

import asyncio
import sys

from server import settings
from server.kit import errors, outbox, postgres


def main() -> int:
    """Replays them, says how many there were, and gives the process's exit code."""
    try:
        count = asyncio.run(_replay(settings.from_environment("order").postgres))
    except (settings.SettingsError, errors.EmporiumError) as error:
        sys.stderr.write(f"emporium: {error}\n")
        return 1
    sys.stdout.write(f"{count} dead letters will be sent again\n")
    return 0


async def _replay(database: settings.Postgres) -> int:
    async with postgres.connected(database) as pool:
        return await outbox.replay(pool)


if __name__ == "__main__":
    sys.exit(main())

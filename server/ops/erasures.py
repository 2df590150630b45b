"""Tells how far an erasure is: `python -m server.ops.erasures USER_ID`.

For containers, where `DATABASE_URL` leads to the user service's database; on one machine it is
`emporium erasure`, and for admins who have a token `GET /api/v1/erasures/{user_id}`.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from uuid import UUID

from server import settings
from server.kit import errors, postgres
from server.kit.receipts import Receipt
from server.services import USER
from server.settings import Postgres
from server.user.personal_data.store import PostgresErasureStore

_CONNECT_SECONDS = 5.0


async def described(database_url: str, user_id: str) -> list[str]:
    """A line for each store. Raises `ErasureNotFound` and `Unavailable`."""
    database = Postgres(
        database_url=database_url, pool_size_min=1, connect_timeout_seconds=_CONNECT_SECONDS
    )
    async with postgres.connected(database) as pool:
        erasure = await PostgresErasureStore(pool).get(user_id)
    return [_line(receipt) for receipt in erasure.receipts]


def _line(receipt: Receipt) -> str:
    if receipt.completed_at is None:
        return f"{receipt.store}  pending"
    counts = ", ".join(f"{kind} {count}" for kind, count in sorted(receipt.erased.items()))
    return f"{receipt.store}  {receipt.completed_at:%Y-%m-%dT%H:%M:%SZ}  {counts}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints what is asked for, and gives the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m server.ops.erasures")
    parser.add_argument("user_id", type=UUID, help="The id that the account had.")
    user_id = str(parser.parse_args(arguments).user_id)
    try:
        database_url = settings.from_environment(USER.name).postgres.database_url
        lines = asyncio.run(described(database_url, user_id))
    except (settings.SettingsError, errors.EmporiumError) as error:
        print(f"emporium: {error}", file=sys.stderr)
        return 1
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())

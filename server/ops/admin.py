"""Makes admins: `python -m server.ops.admin create --email E --name N [--password-file F]`.

For containers, where `DATABASE_URL` leads to the user service's database; on one machine it is
`emporium admin create`.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from server import settings
from server.kit import errors, postgres
from server.ops.passwords import PasswordError, password_from
from server.services import USER
from server.settings import Postgres
from server.user.logins.provisioning import create_admin

_CONNECT_SECONDS = 5.0


async def created(database_url: str, email: str, full_name: str, password: str) -> str:
    """Makes an admin in the user service's database; gives the account's id.

    Raises `Invalid`, `EmailTaken`, `Unavailable`, and `SettingsError` where the database refuses.
    """
    database = Postgres(
        database_url=database_url, pool_size_min=1, connect_timeout_seconds=_CONNECT_SECONDS
    )
    async with postgres.connected(database) as pool:
        return await create_admin(pool, email, full_name, password)


def explained(error: Exception) -> str:
    """What is wrong, with each field at fault."""
    if isinstance(error, errors.EmporiumError) and error.violations:
        return "; ".join(f"{field}: {text}" for field, text in error.violations)
    return str(error)


def main(arguments: Sequence[str] | None = None) -> int:
    """Does what `arguments` ask for, and gives the process's exit code."""
    asked = _parser().parse_args(arguments)
    try:
        database_url = settings.from_environment(USER.name).postgres.database_url
        password = password_from(asked.password_file)
        user_id = asyncio.run(created(database_url, asked.email, asked.name, password))
    except (PasswordError, settings.SettingsError, errors.EmporiumError) as error:
        print(f"emporium: {explained(error)}", file=sys.stderr)
        return 1
    print(f"{asked.email} is an admin: {user_id}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m server.ops.admin")
    create = parser.add_subparsers(required=True).add_parser("create", help="Make an admin.")
    create.add_argument("--email", required=True)
    create.add_argument("--name", required=True, help="The full name.")
    create.add_argument("--password-file", default="", help="A file; `-` is standard input.")
    return parser


if __name__ == "__main__":
    sys.exit(main())

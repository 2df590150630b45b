"""Makes admins: `python -m server.ops.admin create --email E --name N [--password-file F]`.

And removes the second factor of whoever has lost it: `... remove-totp --email E`. For containers,
where `DATABASE_URL` leads to the user service's database; on one machine it is `emporium admin`.
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
from server.user.totp.provisioning import remove_totp

_CONNECT_SECONDS = 5.0


async def created(database_url: str, email: str, full_name: str, password: str) -> str:
    """Makes an admin in the user service's database; gives the account's id.

    Raises `Invalid`, `EmailTaken`, `Unavailable`, and `SettingsError` where the database refuses.
    """
    async with postgres.connected(_settings(database_url)) as pool:
        return await create_admin(pool, email, full_name, password)


async def totp_removed(database_url: str, email: str) -> str:
    """Removes the second factor of an account in the user service's database; says so.

    Raises `UserNotFound` and `Unavailable`.
    """
    async with postgres.connected(_settings(database_url)) as pool:
        had_one = await remove_totp(pool, email)
    return f"{email} {'signs in without' if had_one else 'has no'} second factor"


def _settings(database_url: str) -> Postgres:
    return Postgres(
        database_url=database_url, pool_size_min=1, connect_timeout_seconds=_CONNECT_SECONDS
    )


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
        said = asked.run(database_url, asked)
    except (PasswordError, settings.SettingsError, errors.EmporiumError) as error:
        print(f"emporium: {explained(error)}", file=sys.stderr)
        return 1
    print(said)
    return 0


def _create(database_url: str, asked: argparse.Namespace) -> str:
    password = password_from(asked.password_file)
    user_id = asyncio.run(created(database_url, asked.email, asked.name, password))
    return f"{asked.email} is an admin: {user_id}"


def _remove_totp(database_url: str, asked: argparse.Namespace) -> str:
    return asyncio.run(totp_removed(database_url, asked.email))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m server.ops.admin")
    commands = parser.add_subparsers(required=True)
    create = commands.add_parser("create", help="Make an admin.")
    create.add_argument("--email", required=True)
    create.add_argument("--name", required=True, help="The full name.")
    create.add_argument(
        "--password-file",
        default="",
        help="A file, of which others have nothing; `-` is standard input.",
    )
    create.set_defaults(run=_create)
    remove = commands.add_parser("remove-totp", help="Remove a second factor that was lost.")
    remove.add_argument("--email", required=True)
    remove.set_defaults(run=_remove_totp)
    return parser


if __name__ == "__main__":
    sys.exit(main())

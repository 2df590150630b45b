"""What an operator does to make an admin, in a database of the user service."""

import asyncio
import io
import uuid
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from uuid_utils import uuid7

from server.kit import postgres
from server.kit.context import Role
from server.kit.dsn import at_database
from server.ops import passwords
from server.ops.admin import main
from server.settings import Postgres
from server.user.events.encoding import to_outbox
from server.user.logins.rules import Credentials
from server.user.logins.store import PostgresCredentialStore
from server.user.passwords.hashing import check
from server.user.totp.rules import enabled
from server.user.totp.store import PostgresTotpStore
from tests.server.conftest import NewDatabase
from tests.server.user.samples import NOW

PASSWORD = "correct hörse"


class Terminal(io.StringIO):
    """Somebody sits there."""

    def isatty(self) -> bool:
        return True


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def database(new_database: NewDatabase) -> Postgres:
    return await new_database("user")


@pytest.fixture
def email(database: Postgres, monkeypatch: pytest.MonkeyPatch) -> str:
    """A new e-mail, with the environment of a container."""
    monkeypatch.setenv("DATABASE_URL", database.database_url)
    return f"{uuid.uuid4().hex}@example.com"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file as an editor saves it."""
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n", encoding="utf-8")
    path.chmod(0o600)
    return path


def create(email: str, *more: str, name: str = "Ada Admin") -> int:
    return main(["create", "--email", email, "--name", name, *more])


async def found(database: Postgres, email: str) -> Credentials | None:
    async with postgres.connected(database) as pool:
        return await PostgresCredentialStore(pool).find(email)


async def require_admin(database: Postgres, email: str) -> None:
    made = await found(database, email)
    assert made is not None
    assert (made.user.role, made.user.acting_role) == (Role.ADMIN, Role.ADMIN)
    assert check(PASSWORD, made.password_hash, 12) == (True, False)


async def in_thread(email: str, *more: str, name: str = "Ada Admin") -> int:
    """As the command runs: with a loop of its own."""
    return await asyncio.to_thread(create, email, *more, name=name)


async def test_an_admin_is_made_with_the_password_of_a_file(
    database: Postgres, email: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await in_thread(email, "--password-file", str(file)) == 0
    await require_admin(database, email)
    said = capsys.readouterr()
    assert email in said.out
    assert PASSWORD not in said.out + said.err


async def test_the_password_may_come_by_standard_input(
    database: Postgres, email: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\r\n"))
    assert await in_thread(email, "--password-file", "-") == 0
    await require_admin(database, email)


async def test_the_password_is_asked_for_twice_at_a_terminal(
    database: Postgres, email: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = iter([PASSWORD, PASSWORD])
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr(passwords, "getpass", lambda prompt: next(typed))
    assert await in_thread(email) == 0
    await require_admin(database, email)


async def test_two_different_passwords_make_no_admin(
    database: Postgres,
    email: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    typed = iter([PASSWORD, "another horse"])
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr(passwords, "getpass", lambda prompt: next(typed))
    assert await in_thread(email) == 1
    assert "two different passwords" in capsys.readouterr().err
    assert await found(database, email) is None


@pytest.mark.parametrize("mode", [0o604, 0o602])
async def test_a_password_that_everybody_has_makes_no_admin(
    database: Postgres, email: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], mode: int
) -> None:
    path = tmp_path / "password"
    path.write_text(PASSWORD)
    path.chmod(mode)
    assert await in_thread(email, "--password-file", str(path)) == 1
    assert f"{path}: chmod o=" in capsys.readouterr().err
    assert await found(database, email) is None


@pytest.mark.parametrize(
    ("content", "name", "complaint"),
    [
        (b"short\n", "Ada", "password: must be 8 characters to 72 bytes"),
        ("\u0958".encode() * 24, "Ada", "password: must be 8 characters to 72 bytes"),
        (b"Password1\n", "Ada", "password: must be one that fewer people have"),
        (
            b"Ada Admin\n",
            "Ada Admin",
            "password: must be another than the account's e-mail",
        ),
        (b"         \n", "Ada", "password: must hold more than spaces"),
        (b"correct horse\n", "  ", "full_name: must hold more than spaces"),
        (b"\xff" * 9, "Ada", "no UTF-8"),
        (b"correct horse\nbattery staple\n", "Ada", "/password has several lines"),
        (b"correct horse\r\n\r\n", "Ada", "/password has several lines"),
        (None, "Ada", "cannot be read: No such file"),
    ],
)
async def test_what_the_contract_refuses_makes_no_admin(
    database: Postgres,
    email: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: bytes | None,
    name: str,
    complaint: str,
) -> None:
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
        path.chmod(0o600)
    assert await in_thread(email, "--password-file", str(path), name=name) == 1
    assert complaint in capsys.readouterr().err
    assert await found(database, email) is None


async def test_an_account_that_is_there_stays_as_it_is(
    database: Postgres, email: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await in_thread(email, "--password-file", str(file)) == 0
    before = await found(database, email)
    assert await in_thread(email.upper(), "--password-file", str(file)) == 1
    assert "another account has this e-mail" in capsys.readouterr().err
    assert await found(database, email) == before


async def test_what_is_no_email_makes_no_admin(
    email: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await in_thread("nonsense", "--password-file", str(file)) == 1
    assert "email: must be a valid email address" in capsys.readouterr().err


async def test_without_a_terminal_or_a_file_it_says_what_to_send(
    email: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert await in_thread(email) == 1
    assert "--password-file" in capsys.readouterr().err


async def test_a_database_without_accounts_is_told(
    database: Postgres,
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    elsewhere = at_database(database.database_url, "postgres")
    monkeypatch.setenv("DATABASE_URL", elsewhere)
    assert await in_thread("ada@example.com", "--password-file", str(file)) == 1
    assert "emporium migrate" in capsys.readouterr().err


async def test_a_second_factor_that_was_lost_is_removed(
    database: Postgres, email: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await in_thread(email, "--password-file", str(file)) == 0
    made = await found(database, email)
    assert made is not None
    async with postgres.connected(database) as pool:
        store = PostgresTotpStore(pool, encode=to_outbox, wake=lambda: None)
        await store.begin(made.user.id, b"sealed", NOW)
        enable = partial(
            enabled,
            by=None,
            event_id=str(uuid7()),
            mail_id=str(uuid7()),
            now=NOW,
            traceparent=None,
        )
        await store.enable(made.user.id, lambda _: 1, enable, [b"hash"], NOW)

    for said in ("signs in without second factor", "has no second factor"):
        assert await asyncio.to_thread(main, ["remove-totp", "--email", email]) == 0
        assert said in capsys.readouterr().out
        now = await found(database, email)
        assert now is not None
        assert not now.user.totp_enabled
    assert await asyncio.to_thread(main, ["remove-totp", "--email", "nobody@example.com"]) == 1
    assert "no account has this e-mail" in capsys.readouterr().err

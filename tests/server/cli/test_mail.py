"""`emporium mail`, over a home in which mails were sent."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from server.cli.command_line import app
from server.kit.mail.mailbox import MailboxMailer
from server.local.errors import LocalError
from server.local.home.folder import Home
from server.user.mail.letters import Letters
from server.user.mail.rules import MailKind, MailRequest

AT = datetime(2026, 5, 17, 12, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    kind = MailKind.PASSWORD_CHANGED
    Home.at(tmp_path).logs.mkdir()
    letters, mailer = Letters("shop@example.com", ""), MailboxMailer(Home.at(tmp_path).mailbox)
    for name, to in (("2026-1", "ann@example.com"), ("2026-2", "bob@example.com")):
        asyncio.run(mailer.send(letters.write(MailRequest("id", kind, "", to, AT, None), to), name))
    return tmp_path


def emporium(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    if isinstance(result.exception, LocalError):
        raise result.exception
    return result.stdout


def test_mails_are_listed_the_newest_first(home: Path) -> None:
    assert emporium("mail", "--home", str(home)).splitlines() == [
        "2026-2  bob@example.com  Your password was changed",
        "2026-1  ann@example.com  Your password was changed",
    ]


@pytest.mark.parametrize(
    ("arguments", "to"), [([], "bob"), (["--last"], "bob"), (["2026-1"], "ann")]
)
def test_one_mail_is_shown(home: Path, arguments: list[str], to: str) -> None:
    shown = emporium("mail", "show", *arguments, "--home", str(home))
    assert f"From: shop@example.com\nTo: {to}@example.com\n" in shown
    assert "\r" not in shown
    assert emporium("mail", "--home", str(home), "show", *arguments) == shown


@pytest.mark.parametrize("arguments", [["2026-3"], ["2026-1", "--last"]])
def test_what_cannot_be_shown_is_said_with_a_remedy(home: Path, arguments: list[str]) -> None:
    with pytest.raises(LocalError):
        emporium("mail", "show", *arguments, "--home", str(home))


def test_a_home_without_mails_says_so(tmp_path: Path) -> None:
    Home.at(tmp_path).logs.mkdir()
    assert emporium("mail", "--home", str(tmp_path)) == "no mails\n"

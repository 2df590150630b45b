"""The folder that mails are kept in where there is no SMTP server."""

from email.message import EmailMessage
from pathlib import Path

import pytest

from server.kit.mail import mailbox
from server.kit.mail.mailbox import MailboxMailer
from server.kit.outbox import Away


def mail(text: str) -> EmailMessage:
    message = EmailMessage()
    message.set_content(text)
    return message


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


async def test_a_mail_is_a_private_file_and_replaces_itself(tmp_path: Path) -> None:
    mailer = MailboxMailer(tmp_path / "mail")
    await mailer.send(mail("first"), "2026-a")
    await mailer.send(mail("second"), "2026-a")
    assert names(tmp_path / "mail") == ["2026-a.eml"]
    file = tmp_path / "mail" / "2026-a.eml"
    assert file.stat().st_mode & 0o777 == 0o600
    assert "second" in file.read_text()
    assert file.parent.stat().st_mode & 0o777 == 0o700


async def test_the_oldest_go_when_there_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "_KEPT_MAX", 2)
    for name in ("1", "3", "2"):
        await MailboxMailer(tmp_path).send(mail("x"), name)
    assert names(tmp_path) == ["2.eml", "3.eml"]


async def test_a_folder_that_cannot_be_written_keeps_mails_waiting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Away, match=r"^mailbox: "):
        await MailboxMailer(tmp_path / "file").send(mail("x"), "1")

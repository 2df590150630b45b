"""The mails that a home keeps."""

from pathlib import Path

import pytest

from server.local.home import mailbox


def test_a_mail_that_is_let_go_while_they_are_read_is_none_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("1", "2", "3"):
        Path(tmp_path, f"{name}.eml").write_bytes(b"Subject: " + name.encode() + b"\n\n")
    read = Path.read_bytes

    def read_when_one_is_gone(file: Path) -> bytes:
        Path(tmp_path, "2.eml").unlink(missing_ok=True)
        return read(file)

    monkeypatch.setattr(Path, "read_bytes", read_when_one_is_gone)
    found = mailbox.listed(tmp_path)
    assert [(each.id, each.message["subject"]) for each in found] == [("3", "3"), ("1", "1")]
